from .decoder_fusion import DecoderFusion
from .fusion_neck import FusionNeck

__all__ = ["DecoderFusion", "FusionNeck"]
