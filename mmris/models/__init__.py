from .backbones import read_levels
from .data_preprocessor import RefSegDataPreprocessor
from .decode_heads import (
    ConvMaskDecoder,
    FPNAggregation,
    GatedExchange,
    LevelAggregation,
    LevelExchange,
    MaskDecoder,
    MMSegDecodeHead,
    MultiLevelDecodeHead,
    RefDecodeHead,
    ScoreMaskDecoder,
    SumAggregation,
)
from .fusion_blocks import ConcatBlock, CrossModalAttentionBlock, FusionBlock
from .losses import BinaryCrossEntropyLoss, MaskLoss
from .necks import DecoderFusion, EncoderFusion, FusionNeck
from .segmentors import PredictionSettings, RefSegmentor
from .text_encoders import (
    BaseTextEncoder,
    EmbeddingTextEncoder,
    GRUTextEncoder,
    HuggingFaceTextEncoder,
    LSTMTextEncoder,
    WordTextEncoder,
)

__all__ = [
    "BaseTextEncoder",
    "BinaryCrossEntropyLoss",
    "ConcatBlock",
    "ConvMaskDecoder",
    "CrossModalAttentionBlock",
    "DecoderFusion",
    "EmbeddingTextEncoder",
    "EncoderFusion",
    "FPNAggregation",
    "FusionBlock",
    "FusionNeck",
    "GRUTextEncoder",
    "GatedExchange",
    "HuggingFaceTextEncoder",
    "LSTMTextEncoder",
    "LevelAggregation",
    "LevelExchange",
    "MMSegDecodeHead",
    "MaskDecoder",
    "MaskLoss",
    "MultiLevelDecodeHead",
    "PredictionSettings",
    "RefDecodeHead",
    "RefSegDataPreprocessor",
    "RefSegmentor",
    "ScoreMaskDecoder",
    "SumAggregation",
    "WordTextEncoder",
    "read_levels",
]
