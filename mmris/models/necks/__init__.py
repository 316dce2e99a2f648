from .concat_neck import ConcatNeck
from .fusion_neck import FusionNeck

__all__ = ["ConcatNeck", "FusionNeck"]
