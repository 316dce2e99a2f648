# Importing this package registers the classes.
from .block import ModulationBlock
from .dataset import BoxRefDataset
from .decode_head import MaxAggregation
from .loss import SoftIoULoss
from .neck import WordAttentionNeck
from .text_encoder import HashTextEncoder
from .transform import RandomZoomOut

__all__ = [
    "BoxRefDataset",
    "HashTextEncoder",
    "MaxAggregation",
    "ModulationBlock",
    "RandomZoomOut",
    "SoftIoULoss",
    "WordAttentionNeck",
]
