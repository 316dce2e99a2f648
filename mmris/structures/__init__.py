from .features import FusedFeatures, MaskOutput, TextFeatures
from .specs import FusedSpec, LevelSpec, TextSpec

__all__ = [
    "FusedFeatures",
    "FusedSpec",
    "LevelSpec",
    "MaskOutput",
    "TextFeatures",
    "TextSpec",
]
