from .binary_cross_entropy_loss import BinaryCrossEntropyLoss
from .boundary_loss import BoundaryLoss
from .mask_loss import MaskLoss
from .output_loss import OutputLoss

__all__ = ["BinaryCrossEntropyLoss", "BoundaryLoss", "MaskLoss", "OutputLoss"]
