from .channel_gated_exchange import ChannelGatedExchange
from .conv3d_aggregation import Conv3dAggregation
from .conv_lstm_aggregation import ConvLSTMAggregation
from .conv_mask_decoder import ConvMaskDecoder
from .conv_upsample_mask_decoder import ConvUpsampleMaskDecoder
from .deconv_mask_decoder import DeconvMaskDecoder
from .deep_upsample_mask_decoder import DeepUpsampleMaskDecoder
from .fpn_aggregation import FPNAggregation
from .gated_bidirectional_aggregation import GatedBidirectionalAggregation
from .gated_exchange import GatedExchange
from .hierarchical_cross_modal_exchange import HierarchicalCrossModalExchange
from .level_parts import LevelAggregation, LevelExchange, MaskDecoder
from .mmseg_decode_head import MMSegDecodeHead
from .mmseg_head_config import SUPPORTED_HEADS
from .multi_level_decode_head import MultiLevelDecodeHead
from .peephole_conv_lstm_aggregation import PeepholeConvLSTMAggregation
from .pyramid_pooling_aggregation import PyramidPoolingAggregation
from .ref_decode_head import RefDecodeHead
from .score_mask_decoder import ScoreMaskDecoder
from .self_gated_aggregation import SelfGatedAggregation
from .sum_aggregation import SumAggregation
from .text_guided_exchange import TextGuidedExchange

__all__ = [
    "SUPPORTED_HEADS",
    "ChannelGatedExchange",
    "Conv3dAggregation",
    "ConvLSTMAggregation",
    "ConvMaskDecoder",
    "ConvUpsampleMaskDecoder",
    "DeconvMaskDecoder",
    "DeepUpsampleMaskDecoder",
    "FPNAggregation",
    "GatedBidirectionalAggregation",
    "GatedExchange",
    "HierarchicalCrossModalExchange",
    "LevelAggregation",
    "LevelExchange",
    "MMSegDecodeHead",
    "MaskDecoder",
    "MultiLevelDecodeHead",
    "PeepholeConvLSTMAggregation",
    "PyramidPoolingAggregation",
    "RefDecodeHead",
    "ScoreMaskDecoder",
    "SelfGatedAggregation",
    "SumAggregation",
    "TextGuidedExchange",
]
