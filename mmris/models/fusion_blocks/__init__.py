from .co_attention import AsymmetricCoAttention, CoAttention, VanillaCoAttention
from .co_attention_block import CoAttentionBlock
from .concat_block import ConcatBlock
from .cross_modal_attention_block import CrossModalAttentionBlock
from .fusion_block import FusionBlock
from .mean_pair_block import MeanPairBlock
from .pixel_attention_block import PixelAttentionBlock
from .same_pixel_attention_block import SamePixelAttentionBlock
from .same_word_attention_block import SameWordAttentionBlock
from .sentence_as_word_block import SentenceAsWordBlock
from .word_attention_block import WordAttentionBlock
from .word_pixel_attention_block import WordPixelAttentionBlock

__all__ = [
    "AsymmetricCoAttention",
    "CoAttention",
    "CoAttentionBlock",
    "ConcatBlock",
    "CrossModalAttentionBlock",
    "FusionBlock",
    "MeanPairBlock",
    "PixelAttentionBlock",
    "SamePixelAttentionBlock",
    "SameWordAttentionBlock",
    "SentenceAsWordBlock",
    "VanillaCoAttention",
    "WordAttentionBlock",
    "WordPixelAttentionBlock",
]
