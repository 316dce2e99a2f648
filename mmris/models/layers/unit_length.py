"""Features divided by their Euclidean norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from .precision import at_least_float32

if TYPE_CHECKING:
    from torch import Tensor

# Bounds the norm: the square of it bounds the sum of squares.
_SMALLEST_NORM = 1e-6


def unit_length(features: Tensor, *, dim: int) -> Tensor:
    """Scale features to length 1, in float32 or longer.

    Args:
        features: Of any shape.
        dim: The axis of the channels.

    Returns:
        Of the same shape; zero where the features are zero.
    """
    return functional.normalize(at_least_float32(features), dim=dim, eps=_SMALLEST_NORM)
