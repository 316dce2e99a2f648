from .boundary_enhancement_head import BoundaryEnhancementHead
from .channel_gated_exchange import ChannelGatedExchange
from .concat_aggregation import ConcatAggregation
from .contextual_embedding_cascade import ContextualEmbeddingCascade
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
from .long_short_range_attention import LongShortRangeAttention
from .mmseg_decode_head import MMSegDecodeHead
from .mmseg_head_config import SUPPORTED_HEADS
from .multi_level_decode_head import MultiLevelDecodeHead
from .peephole_conv_lstm_aggregation import PeepholeConvLSTMAggregation
from .progressive_alignment_network import ProgressiveAlignmentNetwork
from .progressive_upsample_mask_decoder import ProgressiveUpsampleMaskDecoder
from .pyramid_pooling_aggregation import PyramidPoolingAggregation
from .ref_decode_head import RefDecodeHead
from .score_mask_decoder import ScoreMaskDecoder
from .self_gated_aggregation import SelfGatedAggregation
from .sum_aggregation import SumAggregation
from .text_guided_exchange import TextGuidedExchange
from .top_down_decode_head import TopDownDecodeHead

__all__ = [
    "SUPPORTED_HEADS",
    "BoundaryEnhancementHead",
    "ChannelGatedExchange",
    "ConcatAggregation",
    "ContextualEmbeddingCascade",
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
    "LongShortRangeAttention",
    "MMSegDecodeHead",
    "MaskDecoder",
    "MultiLevelDecodeHead",
    "PeepholeConvLSTMAggregation",
    "ProgressiveAlignmentNetwork",
    "ProgressiveUpsampleMaskDecoder",
    "PyramidPoolingAggregation",
    "RefDecodeHead",
    "ScoreMaskDecoder",
    "SelfGatedAggregation",
    "SumAggregation",
    "TextGuidedExchange",
    "TopDownDecodeHead",
]
