"""Adaptive pooling written out, for exported graphs: ONNX has none.

Cell i of g over a length n spans the places from floor(i n / g) up to, and without,
ceil((i + 1) n / g), as in ``torch.nn.AdaptiveMaxPool2d`` and its like.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cell_maxima(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The largest value of each cell.

    Args:
        maps: ``(B, C, H, W)``.
        size: Cells along height and width.

    Returns:
        ``(B, C, *size)``.
    """
    return _largest(_largest(maps, size[0], axis=2), size[1], axis=3)


def cell_means(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The mean of each cell.

    Args:
        maps: ``(B, C, H, W)``.
        size: Cells along height and width.

    Returns:
        ``(B, C, *size)``.
    """
    rows = _shares(maps.shape[2], size[0], maps)
    columns = _shares(maps.shape[3], size[1], maps)
    return rows @ maps @ columns.transpose(0, 1)


def _borders(length: int, cells: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """First place of each cell and the one past its last."""
    number = torch.arange(cells, device=like.device)
    return number * length // cells, ((number + 1) * length + cells - 1) // cells


def _largest(maps: Tensor, cells: int, *, axis: int) -> Tensor:
    length = maps.shape[axis]
    first, end = _borders(length, cells, maps)
    longest = (length + cells - 1) // cells + 1
    steps = torch.arange(longest, device=maps.device)
    # A shorter cell names its last place again, which changes no maximum.
    places = torch.minimum(first[:, None] + steps, end[:, None] - 1)
    spread = maps.index_select(axis, places.flatten())
    before, behind = maps.shape[:axis], maps.shape[axis + 1 :]
    return spread.reshape(*before, cells, longest, *behind).amax(dim=axis + 1)


def _shares(length: int, cells: int, like: Tensor) -> Tensor:
    """Weight of each place in the mean of each cell, ``(cells, length)``."""
    first, end = _borders(length, cells, like)
    places = torch.arange(length, device=like.device)
    inside = (places >= first[:, None]) & (places < end[:, None])
    return inside.to(like.dtype) / (end - first)[:, None].to(like.dtype)
