from .decoder_fusion import DecoderFusion
from .encoder_fusion import EncoderFusion
from .fusion_neck import FusionNeck

__all__ = ["DecoderFusion", "EncoderFusion", "FusionNeck"]
