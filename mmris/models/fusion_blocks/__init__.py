from .concat_block import ConcatBlock
from .cross_modal_attention_block import CrossModalAttentionBlock
from .fusion_block import FusionBlock

__all__ = ["ConcatBlock", "CrossModalAttentionBlock", "FusionBlock"]
