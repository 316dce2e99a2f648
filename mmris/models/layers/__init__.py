from .conv_block import conv_block
from .coordinates import NUM_COORDINATES, coordinate_map
from .masked_mean import masked_mean
from .pointwise import pointwise
from .precision import at_least_float32, no_autocast
from .resize import resize_to
from .unit_length import unit_length

__all__ = [
    "NUM_COORDINATES",
    "at_least_float32",
    "conv_block",
    "coordinate_map",
    "masked_mean",
    "no_autocast",
    "pointwise",
    "resize_to",
    "unit_length",
]
