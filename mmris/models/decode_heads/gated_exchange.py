"""Gates decide what each level keeps, gives away and takes over.

Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, section "Gated
Multi-Level Fusion".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmengine.model import xavier_init
from torch import nn

from mmris.models.layers import resize_to
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec

from ._equal_channels import common_channels
from .level_parts import LevelExchange

if TYPE_CHECKING:
    from torch import Tensor


@MODELS.register_module()
class GatedExchange(LevelExchange):
    r"""Memory gates weigh what levels give each other, reset gates the result.

    With one-channel gates :math:`m^i, r^i \in (0, 1)^{H \times W}` of each level
    :math:`X^i` and a learnable scalar :math:`\gamma^j` of each source,

    .. math::
        G^i &= (1 - m^i) \odot X^i + \sum_{j \ne i} \gamma^j m^j \odot X^j \\
        F^i &= r^i \odot \tanh(G^i) + (1 - r^i) \odot X^i

    What a level gives, :math:`\gamma^j m^j \odot X^j`, is computed once for all others.

    Args:
        in_features: What comes in, all levels of the same width; from the head.

    Raises:
        ValueError: The widths of the levels differ.

    Deviations: the paper's levels have one size; here what comes from a level of
        another size is resized bilinearly to that of the target. The paper does not say
        how the gates are made: a 3x3 convolution of the level and a sigmoid do it here;
        the scalars start at 0.5, the convolutions as Xavier's, as in the released code.
        That code differs from the equations, which decide: its gates have a value for
        each channel, the target's gate is applied to the foreign levels, and a third
        output of the convolution replaces the second :math:`X^i`. A single level has
        nobody to give to, so no scalar.
    """

    def __init__(self, *, in_features: FusedSpec) -> None:
        super().__init__(in_features=in_features)
        channels = common_channels(
            in_features, "model.decode_head.exchange GatedExchange"
        )
        num_levels = len(in_features.levels)
        self.gates = nn.ModuleList(
            nn.Conv2d(channels, 2, kernel_size=3, padding=1) for _ in range(num_levels)
        )
        for gate in self.gates:
            xavier_init(gate, distribution="uniform")
        self.gamma: nn.Parameter | None = None
        if num_levels > 1:
            self.gamma = nn.Parameter(torch.full((num_levels,), 0.5))

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
        memory, reset = self.openings(levels)
        given: list[Tensor] = []
        if self.gamma is not None:
            given = [
                gamma * gate * level
                for gamma, gate, level in zip(
                    self.gamma.unbind(), memory, levels, strict=True
                )
            ]
        maps = []
        for target, level in enumerate(levels):
            joint = (1 - memory[target]) * level
            for source, foreign in enumerate(given):
                if source != target:
                    joint = joint + resize_to(foreign, level.shape[-2:])
            # Under autocast these differ in type, which torch.lerp does not take.
            maps.append(level + reset[target] * (torch.tanh(joint) - level))
        return FusedFeatures(tuple(maps), fused.text, fused.image_index)

    def openings(self, levels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """How far the gates are open.

        Args:
            levels: Of N expressions, ``(N, C, H_i, W_i)``.

        Returns:
            Memory and reset gate of each level, ``(N, 1, H_i, W_i)``.
        """
        memory, reset = [], []
        for convolution, level in zip(self.gates, levels, strict=True):
            both = torch.sigmoid(convolution(level))  # (N, 2, H_i, W_i)
            memory.append(both[:, :1])
            reset.append(both[:, 1:])
        return memory, reset
