"""Gates with a value for each channel: the form of gated fusion that was compared.

Paper: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Table 4
("MGATE"), after Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mmris.models.layers import resize_to
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec

from ._equal_channels import common_channels
from .level_parts import LevelExchange

if TYPE_CHECKING:
    from torch import Tensor


@MODELS.register_module()
class ChannelGatedExchange(LevelExchange):
    r"""SHNet's MGATE: gates and a candidate of each level's own, a value a channel.

    A 3x3 convolution of the level :math:`X_i` gives a candidate c, a memory gate
    :math:`m = \sigma(\cdot + 1)` and a reset gate :math:`r = \sigma(\cdot + 1)`, all of
    the level's width. With the mean of the other levels,

    .. math::
        G_i &= m_i \odot \mathrm{mean}_{j \ne i} X_j + (1 - m_i) \odot c_i \\
        F_i &= r_i \odot \tanh(G_i) + (1 - r_i) \odot X_i

    :class:`SumAggregation` completes the row of the table. The equations that CMSA
    prints differ, see :class:`GatedExchange`; these are what its code computes, in the
    port that SHNet's table was made with.

    Args:
        in_features: What comes in, all levels of the same width; from the head.

    Raises:
        ValueError: The widths of the levels differ.

    Deviations: the paper prints no equations; these follow its released code. There the
    weight of one half for either foreign level is a tensor that no optimiser sees: here
    it is a constant, the mean. Levels of other sizes are resized bilinearly to that of
    the target. A single level has no other: then G is (1 - m) c.
    """

    def __init__(self, *, in_features: FusedSpec) -> None:
        super().__init__(in_features=in_features)
        channels = common_channels(
            in_features, "model.decode_head.exchange ChannelGatedExchange"
        )
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, 3 * channels, kernel_size=3, padding=1)
            for _ in in_features.levels
        )

    @property
    def spec(self) -> FusedSpec:
        """As comes in."""
        return self.in_features

    def forward(self, fused: FusedFeatures) -> FusedFeatures:
        """Exchange.

        Args:
            fused: Levels of N expressions.

        Returns:
            As many levels of the same sizes, each with one row an expression.
        """
        levels = fused.expanded()
        maps = []
        for target, (conv, level) in enumerate(zip(self.convs, levels, strict=True)):
            candidate, memory, reset = conv(level).chunk(3, dim=1)
            memory, reset = self.openings(memory, reset)
            joint = (1 - memory) * candidate
            foreign = _mean_of_others(levels, target)
            if foreign is not None:
                joint = joint + memory * foreign
            maps.append(reset * torch.tanh(joint) + (1 - reset) * level)
        return FusedFeatures(tuple(maps), fused.text, fused.image_index)

    def openings(self, memory: Tensor, reset: Tensor) -> tuple[Tensor, Tensor]:
        """How far the gates of a level are open.

        Args:
            memory: What the convolution says of it, ``(N, C, H, W)``.
            reset: The same of the other gate.

        Returns:
            Both from 0 to 1.
        """
        # Open gates at the start, as an LSTM's forget gate.
        return torch.sigmoid(memory + 1), torch.sigmoid(reset + 1)


def _mean_of_others(levels: list[Tensor], target: int) -> Tensor | None:
    size = levels[target].shape[-2:]
    others = [
        resize_to(level, size) for index, level in enumerate(levels) if index != target
    ]
    if not others:
        return None
    return torch.stack(others).mean(dim=0)
