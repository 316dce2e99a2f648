"""A convolution over height, width and the levels themselves.

Paper: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Sec. 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from mmris.models.layers import resize_to
from mmris.registry import MODELS

from ._equal_channels import common_channels
from .level_parts import LevelAggregation

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec


@MODELS.register_module()
class Conv3dAggregation(LevelAggregation):
    """Levels stacked along a third axis, which a 3D convolution reduces to one.

    The kernel is 3x3 in space, zero-padded, and as deep as there are levels; batch
    normalisation and a leaky ReLU follow.

    Args:
        in_features: What comes in, all levels of the same width; from the head.
        channels: Channels of the map; None for those of a level.

    Raises:
        ValueError: The widths of the levels differ.

    Deviations: the paper's levels have one size; coarser ones are resized bilinearly
    to that of the finest.
    """

    def __init__(self, *, in_features: FusedSpec, channels: int | None = None) -> None:
        super().__init__(in_features=in_features)
        level_channels = common_channels(
            in_features, "model.decode_head.aggregation Conv3dAggregation"
        )
        self.channels = level_channels if channels is None else channels
        depth = len(in_features.levels)
        self.conv = nn.Conv3d(
            level_channels, self.channels, (depth, 3, 3), padding=(0, 1, 1)
        )
        self.norm = nn.BatchNorm2d(self.channels)

    @property
    def out_channels(self) -> int:
        """Channels of the map."""
        return self.channels

    def forward(self, fused: FusedFeatures) -> Tensor:
        """Aggregate.

        Args:
            fused: Levels of N expressions, finest first.

        Returns:
            ``(N, channels, H_0, W_0)``, at the size of the finest level.
        """
        levels = fused.expanded()
        size = levels[0].shape[-2:]
        stack = torch.stack([resize_to(level, size) for level in levels], dim=2)
        joint = self.conv(stack).squeeze(2)  # (N, channels, L, H, W) -> 4 dimensions
        return functional.leaky_relu(self.norm(joint))
