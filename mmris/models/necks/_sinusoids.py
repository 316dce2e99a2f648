"""Fixed sinusoidal positions of words and of grid cells, for any length and size.

Paper: Vaswani et al., "Attention Is All You Need", NeurIPS 2017,
https://arxiv.org/abs/1706.03762, Sec. 3.5.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mmris.models.layers.constant_tables import kept_table

_BASE = 10000.0


def word_positions(length: int, channels: int, *, like: Tensor) -> Tensor:
    """Sines and cosines of 0, 1, ..., one row a word.

    Channel 2i is the sine, channel 2i + 1 the cosine of the position times
    10000^(-2i / channels).

    Args:
        length: ``T``.
        channels: Even number of channels.
        like: Whose device and dtype the result has.

    Returns:
        ``(T, channels)``, kept: not to be changed in place.
    """
    return _word_positions(length, channels, like.device, like.dtype)


@kept_table
def _word_positions(
    length: int, channels: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    # In float32 at least: bfloat16 does not tell position 300 from 301.
    long = torch.promote_types(dtype, torch.float32)
    steps = torch.arange(length, device=device, dtype=long)
    even = torch.arange(0, channels, 2, device=device, dtype=long)
    angles = steps[:, None] * torch.exp(even * (-math.log(_BASE) / channels))
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1)  # (T, channels / 2, 2)
    return waves.flatten(1).to(dtype)


def cell_positions(height: int, width: int, channels: int, *, like: Tensor) -> Tensor:
    """The column in the first half of the channels, the row in the second.

    Args:
        height: ``H``.
        width: ``W``.
        channels: A multiple of 4.
        like: Whose device and dtype the result has.

    Returns:
        ``(H * W, channels)``, row by row; kept: not to be changed in place.
    """
    return _cell_positions(height, width, channels, like.device, like.dtype)


@kept_table
def _cell_positions(
    height: int, width: int, channels: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    column = _word_positions(width, channels // 2, device, dtype)
    row = _word_positions(height, channels // 2, device, dtype)
    both = [
        column[None].expand(height, -1, -1),
        row[:, None].expand(-1, width, -1),
    ]
    return torch.cat(both, dim=-1).flatten(0, 1)
