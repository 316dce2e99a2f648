from .decoder_fusion import DecoderFusion
from .encoder_fusion import EncoderFusion
from .fusion_neck import FusionNeck
from .progressive_comprehension import ProgressiveComprehensionNeck
from .synchronous_fusion import SynchronousFusion

__all__ = [
    "DecoderFusion",
    "EncoderFusion",
    "FusionNeck",
    "ProgressiveComprehensionNeck",
    "SynchronousFusion",
]
