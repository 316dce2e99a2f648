"""Levels are merged pair by pair through gates, from both ends.

Papers: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Table 4 ("GBFM"),
after Hu et al., "Bi-directional Relationship Inferring Network for Referring Image
Segmentation", CVPR 2020 ("Gated Bidirectional Fusion Module").
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from mmris.models.layers import masked_mean, resize_to
from mmris.registry import MODELS

from ._equal_channels import common_channels
from .level_parts import LevelAggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec


@MODELS.register_module()
class GatedBidirectionalAggregation(LevelAggregation):
    r"""SHNet's GBFM: gates open the way from one level to its neighbour.

    Each level meets the mean of its own words,
    :math:`x_i = \mathrm{ReLU}(W [f_i; \bar l_i])`. With

    .. math::
        \mathrm{gate}(a, b) = \sigma(\mathrm{Conv}_{3\times3}(\mathrm{ReLU}(U [a; b])))
            \odot a + b

    neighbours merge until one map is left, once from the coarse end and once from the
    fine end; with three levels

    .. math::
        \mathrm{gate}(\mathrm{gate}(x_3, x_2), \mathrm{gate}(x_2, x_1)), \qquad
        \mathrm{gate}(\mathrm{gate}(x_1, x_2), \mathrm{gate}(x_2, x_3))

    and a 3x3 convolution of the sum of the two ends it. All weights are shared by the
    levels and by the merges.

    Args:
        in_features: What comes in, all levels of the same width, and so their words;
            from the head.

    Raises:
        ValueError: The widths of the levels or of their words differ.

    Deviations: the paper prints no equations; these follow its released code. It makes
    one map of all levels, so it stands in the slot of the aggregation, not of the
    exchange. Levels of other sizes are resized bilinearly to that of the finest; any
    number of them is merged in the same manner.
    """

    def __init__(self, *, in_features: FusedSpec) -> None:
        super().__init__(in_features=in_features)
        part = "model.decode_head.aggregation GatedBidirectionalAggregation"
        self.channels = channels = common_channels(in_features, part)
        word_channels = [text.token_channels for text in in_features.text]
        if len(set(word_channels)) > 1:
            raise ValueError(
                f"{part} reads the words of all levels by one matrix, but model.neck "
                f"gives them {tuple(word_channels)} channels. Choose another neck or "
                "aggregation"
            )
        self.meet = nn.Conv2d(channels + word_channels[0], channels, kernel_size=1)
        self.gate: nn.Module | None = None
        if len(word_channels) > 1:
            self.gate = nn.Sequential(
                nn.Conv2d(2 * channels, channels, kernel_size=1),
                nn.ReLU(),
                nn.Conv2d(channels, channels, kernel_size=3, padding=1),
                nn.Sigmoid(),
            )
        self.smooth = nn.Conv2d(channels, channels, kernel_size=3, padding=1)

    @property
    def out_channels(self) -> int:
        """Channels of the map: those of a level."""
        return self.channels

    def forward(self, fused: FusedFeatures) -> Tensor:
        """Aggregate.

        Args:
            fused: Levels of N expressions and their words, finest first.

        Returns:
            ``(N, C, H_0, W_0)``, at the size of the finest level.
        """
        size = fused.maps[0].shape[-2:]
        kernel = self.meet.weight
        levels = []
        for index, text in enumerate(fused.text):
            # The 1x1 kernel in two parts: the words are not tiled.
            said = masked_mean(text.tokens, text.mask)
            heard = functional.linear(said, kernel[:, self.channels :].flatten(1))
            seen = functional.conv2d(
                resize_to(fused[index], size),
                kernel[:, : self.channels],
                self.meet.bias,
            )
            levels.append(torch.relu(seen + heard[:, :, None, None]))
        joint: Tensor = self.smooth(self._merge(levels[::-1]) + self._merge(levels))
        return joint

    def _merge(self, levels: Sequence[Tensor]) -> Tensor:
        """Neighbours merge until one is left."""
        gate = self.gate
        while gate is not None and len(levels) > 1:
            levels = [
                gate(torch.cat([first, second], dim=1)) * first + second
                for first, second in pairwise(levels)
            ]
        return levels[0]
