"""Every level is weighed by a gate of its own before the levels are added.

Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, Table 3, "CMSA+Gated".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmengine.model import xavier_init
from torch import nn

from mmris.models.layers import resize_to
from mmris.registry import MODELS

from ._equal_channels import common_channels
from .level_parts import LevelAggregation

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec


@MODELS.register_module()
class SelfGatedAggregation(LevelAggregation):
    r"""Adds the levels, each times its own gate; no level sees another.

    With a one-channel gate :math:`m^i \in (0, 1)^{H \times W}` of each level,

    .. math:: Y = \sum_i m^i \odot X^i

    Args:
        in_features: What comes in, all levels of the same width; from the head.

    Raises:
        ValueError: The widths of the levels differ.

    Deviations: the paper does not say how the gates are made: a 3x3 convolution of the
    level and a sigmoid do it, as in :class:`GatedExchange`. The paper's levels have one
    size; coarser ones are resized bilinearly after they were gated.
    """

    def __init__(self, *, in_features: FusedSpec) -> None:
        super().__init__(in_features=in_features)
        self.channels = common_channels(
            in_features, "model.decode_head.aggregation SelfGatedAggregation"
        )
        self.gates = nn.ModuleList(
            nn.Conv2d(self.channels, 1, kernel_size=3, padding=1)
            for _ in in_features.levels
        )
        for gate in self.gates:
            xavier_init(gate, distribution="uniform")

    @property
    def out_channels(self) -> int:
        """Channels of the map: those of a level."""
        return self.channels

    def forward(self, fused: FusedFeatures) -> Tensor:
        """Aggregate.

        Args:
            fused: Levels of N expressions, finest first.

        Returns:
            ``(N, C, H_0, W_0)``, at the size of the finest level.
        """
        gated = []
        for index, level in enumerate(fused.maps):
            weighed = self.opening(level, index) * level
            if index in fused.per_image:  # expanded late: gated once an image
                weighed = weighed[fused.image_index]
            gated.append(weighed)
        total = gated[0]
        for weighed in gated[1:]:
            total = total + resize_to(weighed, total.shape[-2:])
        return total

    def opening(self, level: Tensor, index: int) -> Tensor:
        """How far the gate of a level is open.

        Args:
            level: ``(N or B, C, H, W)``.
            index: Its number.

        Returns:
            ``(N or B, 1, H, W)``, from 0 to 1.
        """
        return torch.sigmoid(self.gates[index](level))
