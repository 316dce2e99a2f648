from .backbones import read_levels
from .data_preprocessor import RefSegDataPreprocessor
from .decode_heads import (
    ConvMaskDecoder,
    FPNAggregation,
    LevelAggregation,
    LevelExchange,
    MaskDecoder,
    MultiLevelDecodeHead,
    RefDecodeHead,
)
from .fusion_blocks import ConcatBlock, FusionBlock
from .losses import BinaryCrossEntropyLoss, MaskLoss
from .necks import DecoderFusion, FusionNeck
from .segmentors import PredictionSettings, RefSegmentor
from .text_encoders import (
    BaseTextEncoder,
    EmbeddingTextEncoder,
    GRUTextEncoder,
    LSTMTextEncoder,
    WordTextEncoder,
)

__all__ = [
    "BaseTextEncoder",
    "BinaryCrossEntropyLoss",
    "ConcatBlock",
    "ConvMaskDecoder",
    "DecoderFusion",
    "EmbeddingTextEncoder",
    "FPNAggregation",
    "FusionBlock",
    "FusionNeck",
    "GRUTextEncoder",
    "LSTMTextEncoder",
    "LevelAggregation",
    "LevelExchange",
    "MaskDecoder",
    "MaskLoss",
    "MultiLevelDecodeHead",
    "PredictionSettings",
    "RefDecodeHead",
    "RefSegDataPreprocessor",
    "RefSegmentor",
    "WordTextEncoder",
    "read_levels",
]
