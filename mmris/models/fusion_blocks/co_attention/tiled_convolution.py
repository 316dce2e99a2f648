"""Convolution of a map that is the same everywhere, without making that map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def tiled_convolution(vectors: Tensor, weight: Tensor, size: tuple[int, int]) -> Tensor:
    """What a zero-padded convolution makes of vectors tiled over a map.

    Every tap of the kernel gives the same at all places that it reaches inside the map,
    and nothing where it reaches out: k k products of a matrix and a vector, added up
    for the inside and for the borders.

    Args:
        vectors: ``(N, C)``.
        weight: ``(C_out, C, k, k)``, k odd.
        size: Height and width of the map.

    Returns:
        ``(N, C_out, H, W)``.
    """
    taps = torch.einsum("nc,ocyx->noxy", vectors, weight)
    rows, columns = (
        _inside(taps, length, reach=weight.shape[-1] // 2) for length in size
    )
    by_row = (taps @ rows).transpose(2, 3)  # (N, C_out, H, k)
    return by_row @ columns


def _inside(taps: Tensor, length: int, *, reach: int) -> Tensor:
    """1 where a tap stays inside when the kernel is at a place, ``(k, length)``."""
    places = torch.arange(length, device=taps.device)
    offsets = torch.arange(-reach, reach + 1, device=taps.device)
    places = places + offsets[:, None]
    return ((places >= 0) & (places < length)).to(taps.dtype)
