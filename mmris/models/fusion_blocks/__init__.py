from .concat_block import ConcatBlock
from .fusion_block import FusionBlock

__all__ = ["ConcatBlock", "FusionBlock"]
