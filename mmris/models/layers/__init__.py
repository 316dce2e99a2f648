from .conv_block import conv_block
from .coordinates import NUM_COORDINATES, coordinate_map
from .resize import resize_to

__all__ = ["NUM_COORDINATES", "conv_block", "coordinate_map", "resize_to"]
