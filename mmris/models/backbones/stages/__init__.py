from .backbone_stages import BackboneStages
from .families import SUPPORTED_BACKBONES, find_stages
from .stage_levels import read_stage_levels

__all__ = [
    "SUPPORTED_BACKBONES",
    "BackboneStages",
    "find_stages",
    "read_stage_levels",
]
