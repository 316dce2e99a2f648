from .clip_resnet import CLIPResNet
from .levels import read_levels
from .stages import (
    SUPPORTED_BACKBONES,
    BackboneStages,
    find_stages,
    read_stage_levels,
)

__all__ = [
    "SUPPORTED_BACKBONES",
    "BackboneStages",
    "CLIPResNet",
    "find_stages",
    "read_levels",
    "read_stage_levels",
]
