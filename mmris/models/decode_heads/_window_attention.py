"""Positions of a map attend to each other within windows.

Paper: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted
Windows", ICCV 2021, https://arxiv.org/abs/2103.14030, Sec. 3.2, without the shift.
"""

from __future__ import annotations

import torch
from mmseg.models.backbones.swin import WindowMSA
from torch import Tensor, nn
from torch.nn import functional

from mmris.models.layers import at_least_float32


class WindowAttention(nn.Module):
    """Layer normalisation, attention in windows, and the map added.

    The attention with its learned bias for each relative position is mmseg's. A map
    that the window does not divide is padded below and on the right. Padded positions
    are nobody's keys, so that they change nothing.

    Args:
        channels: ``C``.
        window_size: ``w``, side of a window.
        num_heads: Heads, a divisor of C.
    """

    def __init__(self, *, channels: int, window_size: int, num_heads: int) -> None:
        super().__init__()
        self.window_size = window_size
        self.norm = nn.LayerNorm(channels)
        self.attention = WindowMSA(channels, num_heads, (window_size, window_size))
        nn.init.trunc_normal_(self.attention.relative_position_bias_table, std=0.02)

    def forward(self, features: Tensor) -> Tensor:
        """Attend.

        Args:
            features: ``(N, C, H, W)``.

        Returns:
            ``(N, C, H, W)``.
        """
        height, width = features.shape[-2:]
        down, across, below, right = self._layout(height, width)
        tokens = self.norm(at_least_float32(features.permute(0, 2, 3, 1)))
        mask: Tensor | None = None
        # A program for any size cannot ask whether there is padding.
        if torch.compiler.is_exporting() or below or right:
            valid = torch.ones_like(features[:1, :1]).permute(0, 2, 3, 1)
            valid = functional.pad(valid, (0, 0, 0, right, 0, below))
            valid = self._split(valid, down, across).squeeze(2)  # (windows, w * w)
            mask = torch.zeros_like(valid).masked_fill(valid == 0, float("-inf"))
            mask = mask[:, None].expand(-1, valid.shape[1], -1)
            tokens = functional.pad(tokens, (0, 0, 0, right, 0, below))
        attended = self.attention(self._split(tokens, down, across), mask)
        attended = self._join(attended, down, across)
        if torch.compiler.is_exporting():
            # Whether a part is the whole, and so laid out like it, depends on sizes.
            for axis, length in ((1, height), (2, width)):
                places = torch.arange(length, device=attended.device)
                attended = attended.index_select(axis, places)
        else:
            attended = attended[:, :height, :width]
        return features + attended.permute(0, 3, 1, 2)

    def windows(self, height: int, width: int) -> Tensor:
        """Which position each token of each window is.

        Args:
            height: ``H``.
            width: ``W``.

        Returns:
            ``(windows, w * w)`` int64, from 0 to ``H * W - 1`` row by row; -1 for
            padding.
        """
        down, across, below, right = self._layout(height, width)
        places = torch.arange(height * width).view(1, height, width, 1)
        places = functional.pad(places, (0, 0, 0, right, 0, below), value=-1)
        return self._split(places, down, across).squeeze(2)

    def _layout(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Windows below and beside each other, and padding below and on the right."""
        side = self.window_size
        down, across = (height + side - 1) // side, (width + side - 1) // side
        return down, across, down * side - height, across * side - width

    def _split(self, tokens: Tensor, down: int, across: int) -> Tensor:
        """``(N, H, W, C)`` to ``(N * windows, w * w, C)``, windows row by row."""
        side = self.window_size
        rows, channels = tokens.shape[0], tokens.shape[-1]
        cells = tokens.reshape(rows, down, side, across, side, channels)
        count = rows * down * across
        return cells.transpose(2, 3).reshape(count, side * side, channels)

    def _join(self, windows: Tensor, down: int, across: int) -> Tensor:
        """The way back, ``(N, H, W, C)`` with the padding."""
        side = self.window_size
        rows, channels = windows.shape[0] // (down * across), windows.shape[-1]
        cells = windows.reshape(rows, down, across, side, side, channels)
        shape = rows, down * side, across * side, channels
        return cells.transpose(2, 3).reshape(shape)
