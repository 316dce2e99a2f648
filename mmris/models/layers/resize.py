"""Bilinear resizing by size, never by a ratio of strides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def resize_to(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Resize maps bilinearly with half-pixel centres.

    Args:
        maps: ``(rows, C, H, W)``.
        size: Height and width wanted.

    Returns:
        ``(rows, C, *size)``; the input itself where it has that size already.
    """
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return functional.interpolate(
        maps, tuple(size), mode="bilinear", align_corners=False
    )
