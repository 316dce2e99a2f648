from .conv_mask_decoder import ConvMaskDecoder
from .fpn_aggregation import FPNAggregation
from .gated_exchange import GatedExchange
from .level_parts import LevelAggregation, LevelExchange, MaskDecoder
from .mmseg_decode_head import MMSegDecodeHead
from .mmseg_head_config import SUPPORTED_HEADS
from .multi_level_decode_head import MultiLevelDecodeHead
from .ref_decode_head import RefDecodeHead
from .score_mask_decoder import ScoreMaskDecoder
from .sum_aggregation import SumAggregation

__all__ = [
    "SUPPORTED_HEADS",
    "ConvMaskDecoder",
    "FPNAggregation",
    "GatedExchange",
    "LevelAggregation",
    "LevelExchange",
    "MMSegDecodeHead",
    "MaskDecoder",
    "MultiLevelDecodeHead",
    "RefDecodeHead",
    "ScoreMaskDecoder",
    "SumAggregation",
]
