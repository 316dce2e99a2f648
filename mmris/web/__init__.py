from .drawing import View, draw_view, legend_html, write_masks
from .limits import Limits, RateLimit, RefusedError, check_text, read_picture
from .maps import ProbabilityMaps, probability_maps

__all__ = [
    "Limits",
    "ProbabilityMaps",
    "RateLimit",
    "RefusedError",
    "View",
    "check_text",
    "draw_view",
    "legend_html",
    "probability_maps",
    "read_picture",
    "write_masks",
]
