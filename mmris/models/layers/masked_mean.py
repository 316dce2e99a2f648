"""The mean over the real words of each sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Average over words, padding left out whatever stands in it.

    Args:
        tokens: ``(N, T, C)``.
        mask: ``(N, T)`` bool, True on words; at least one True a row.

    Returns:
        ``(N, C)``.
    """
    # Not multiplied by the mask: zero times infinity is no number.
    total = tokens.masked_fill(~mask[..., None], 0.0).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True)
