"""The same linear map at every position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def pointwise(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A 1x1 convolution by any weight, such as some columns of a larger one.

    Faster than a product of matrices: the gradient of the weight is summed over the
    rows while it is made, and not after that.

    Args:
        features: ``(N, C, P)``.
        weight: ``(C_out, C)``.
        bias: ``(C_out,)``, or None for none.

    Returns:
        ``(N, C_out, P)``.
    """
    return functional.conv1d(features, weight[:, :, None], bias)
