from .drawing import View, draw_view, legend_html, write_masks
from .heat_maps import HeatMap, HeatMaps, MapChoice, offered_maps
from .limits import Limits, RateLimit, RefusedError, check_text, read_picture
from .maps import ProbabilityMaps, probability_maps

__all__ = [
    "HeatMap",
    "HeatMaps",
    "Limits",
    "MapChoice",
    "ProbabilityMaps",
    "RateLimit",
    "RefusedError",
    "View",
    "check_text",
    "draw_view",
    "legend_html",
    "offered_maps",
    "probability_maps",
    "read_picture",
    "write_masks",
]
