from .binary_cross_entropy_loss import BinaryCrossEntropyLoss
from .mask_loss import MaskLoss

__all__ = ["BinaryCrossEntropyLoss", "MaskLoss"]
