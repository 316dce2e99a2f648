from .decoder_fusion import DecoderFusion
from .encoder_fusion import EncoderFusion
from .fusion_neck import FusionNeck
from .progressive_comprehension import ProgressiveComprehensionNeck
from .reinjection import (
    KeepScaleReinjection,
    Reinjection,
    UnitFusedReinjection,
    UnitReinjection,
)
from .synchronous_fusion import SynchronousFusion
from .text_multiplied_neck import TextMultipliedNeck
from .unfused_levels_neck import UnfusedLevelsNeck

__all__ = [
    "DecoderFusion",
    "EncoderFusion",
    "FusionNeck",
    "KeepScaleReinjection",
    "ProgressiveComprehensionNeck",
    "Reinjection",
    "SynchronousFusion",
    "TextMultipliedNeck",
    "UnfusedLevelsNeck",
    "UnitFusedReinjection",
    "UnitReinjection",
]
