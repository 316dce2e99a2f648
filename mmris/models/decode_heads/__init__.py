from .conv_mask_decoder import ConvMaskDecoder
from .fpn_aggregation import FPNAggregation
from .level_parts import LevelAggregation, LevelExchange, MaskDecoder
from .multi_level_decode_head import MultiLevelDecodeHead
from .ref_decode_head import RefDecodeHead

__all__ = [
    "ConvMaskDecoder",
    "FPNAggregation",
    "LevelAggregation",
    "LevelExchange",
    "MaskDecoder",
    "MultiLevelDecodeHead",
    "RefDecodeHead",
]
