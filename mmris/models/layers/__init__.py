from .adaptive_pool import cell_maxima, cell_means
from .conv_block import conv_block
from .coordinates import NUM_COORDINATES, coordinate_map
from .exporting import exporting, is_exporting, scan_steps
from .leaky_block import LEAKY_SLOPE, leaky_block
from .masked_batch_norm import MaskedBatchNorm
from .masked_linear_block import MaskedLinearBlock
from .masked_mean import masked_mean
from .pointwise import pointwise
from .precision import at_least_float32, no_autocast
from .resize import resize_to
from .switch_norm import SwitchNorm2d
from .unit_length import unit_length

__all__ = [
    "LEAKY_SLOPE",
    "NUM_COORDINATES",
    "MaskedBatchNorm",
    "MaskedLinearBlock",
    "SwitchNorm2d",
    "at_least_float32",
    "cell_maxima",
    "cell_means",
    "conv_block",
    "coordinate_map",
    "exporting",
    "is_exporting",
    "leaky_block",
    "masked_mean",
    "no_autocast",
    "pointwise",
    "resize_to",
    "scan_steps",
    "unit_length",
]
