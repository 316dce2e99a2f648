"""Brings a level of any size to a grid of fixed size.

Paper: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Sec. 3.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmris.models.layers import cell_maxima, is_exporting


class GridLevel(nn.Module):
    """Max-pooling to twice the grid, then a 3x3 convolution of stride 2.

    Batch normalisation and a leaky ReLU follow. Pooling to a fixed size enlarges where
    the level is smaller than what is asked for. A level that has the size of the grid
    would be repeated 2x2 and then halved by the convolution; the same numbers come from
    a 2x2 convolution of the level as it is, with the taps of the kernel that meet the
    same cell added up, at less than half the cost.

    Args:
        in_channels: Channels of the level.
        channels: Channels of the result.
        grid_size: ``(H, W)`` of the result.
    """

    def __init__(
        self, *, in_channels: int, channels: int, grid_size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.grid_size = grid_size
        self.pool = nn.AdaptiveMaxPool2d((2 * grid_size[0], 2 * grid_size[1]))
        self.conv = nn.Conv2d(in_channels, channels, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, level: Tensor) -> Tensor:
        """Bring the level to the grid.

        Args:
            level: ``(B, in_channels, h, w)``.

        Returns:
            ``(B, channels, H, W)``.
        """
        # An open size of a graph is not compared: that would fix it.
        known = all(isinstance(length, int) for length in level.shape[-2:])
        if known and tuple(level.shape[-2:]) == self.grid_size:
            kernel = _fold(_fold(self.conv.weight, dim=2), dim=3)
            above_and_left = functional.pad(level, (1, 0, 1, 0))
            maps = functional.conv2d(above_and_left, kernel, self.conv.bias)
        else:
            maps = self.conv(self._doubled(level))
        return functional.leaky_relu(self.norm(maps))

    def _doubled(self, level: Tensor) -> Tensor:
        if is_exporting():
            height, width = self.grid_size
            return cell_maxima(level, (2 * height, 2 * width))
        pooled: Tensor = self.pool(level)
        return pooled


def _fold(kernel: Tensor, *, dim: int) -> Tensor:
    """Of three taps along an axis the second and third added up."""
    first, second, third = kernel.unbind(dim)
    return torch.stack([first, second + third], dim=dim)
