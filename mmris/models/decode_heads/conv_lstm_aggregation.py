"""A plain convolutional LSTM that reads the levels one after the other.

Shapes: L levels, N expressions, C channels of the state, (H, W) the finest size.
Papers: Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for
Precipitation Nowcasting", NeurIPS 2015, https://arxiv.org/abs/1506.04214, Eq. (3), here
without its peepholes; over levels: Ye et al., "Cross-Modal Self-Attention Network for
Referring Image Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, Table 3,
"CMSA+ConvLSTM", and the row "SFM+ConvLSTM" in Table 2 of the paper on SHNet, Jain and
Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image Segmentation",
Findings of ACL 2022, https://arxiv.org/abs/2104.10412.
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
class ConvLSTMAggregation(LevelAggregation):
    r"""The levels are the steps of an LSTM whose last state is the map.

    With the level :math:`x_t`, state h and cell c, both zero at first,

    .. math::
        (i, f, o, g) &= W * [x_t; h_{t-1}] + b \\
        c_t &= \sigma(f) \odot c_{t-1} + \sigma(i) \odot \tanh(g), \qquad
        h_t = \sigma(o) \odot \tanh(c_t)

    The kernel W is kept in two parts: what it makes of the levels is computed for all
    of them at once, and the first step skips whatever meets state and cell. Neither
    changes the result.

    Args:
        in_features: What comes in, all levels of the same width; from the head.
        channels: Channels of the state; 512 in SHNet.
        kernel_size: Odd size of the kernel.
        coarsest_first: Whether the coarsest level is read first and the finest last,
            as in CMSA, or the other way round, as in SHNet.
        forget_bias: Bias of the forget gates before training; above 0 they start open.

    Raises:
        ValueError: The widths of the levels differ, there is only one level, or the
            kernel's size is even.

    Deviations: CMSA's paper says which level comes first and nothing else of the cell,
    SHNet's says nothing; the gates are those of SHNet's released code.
    :class:`PeepholeConvLSTMAggregation` is the normalised cell with peepholes of CMPC.
    Levels of other sizes than the finest are resized bilinearly.
    """

    def __init__(
        self,
        *,
        in_features: FusedSpec,
        channels: int,
        kernel_size: int,
        coarsest_first: bool,
        forget_bias: float = 0.0,
    ) -> None:
        super().__init__(in_features=in_features)
        part = "model.decode_head.aggregation ConvLSTMAggregation"
        in_channels = common_channels(in_features, part)
        if len(in_features.levels) < 2:
            raise ValueError(
                f"{part} reads levels one after the other, but model.neck gives one; "
                "take SumAggregation, or more levels by model.neck.in_indices"
            )
        if kernel_size % 2 == 0:
            raise ValueError(
                f"{part} has kernel_size {kernel_size}; give an odd size, so that maps "
                "keep theirs"
            )
        self.channels = channels
        self.coarsest_first = coarsest_first
        padding = kernel_size // 2
        self.of_level = nn.Conv2d(
            in_channels, 4 * channels, kernel_size, padding=padding
        )
        self.of_state = nn.Conv2d(
            channels, 4 * channels, kernel_size, padding=padding, bias=False
        )
        for kernel in (self.of_level, self.of_state):
            xavier_init(kernel, distribution="uniform")
        bias = torch.zeros(4 * channels)  # gates: i, f, o, g
        bias[channels : 2 * channels] = forget_bias
        self.of_level.bias = nn.Parameter(bias)

    @property
    def out_channels(self) -> int:
        """Channels of the map: those of the state."""
        return self.channels

    def forward(self, fused: FusedFeatures) -> Tensor:
        """Aggregate.

        Args:
            fused: Levels of N expressions, finest first.

        Returns:
            ``(N, channels, H_0, W_0)``, at the size of the finest level.
        """
        size = fused.maps[0].shape[-2:]
        levels = torch.stack([resize_to(level, size) for level in fused.expanded()])
        read = self.of_level(levels.flatten(0, 1))  # (L N, 4 C, H, W)
        steps = list(read.view(*levels.shape[:2], *read.shape[1:]).unbind())
        if self.coarsest_first:
            steps.reverse()
        opened, _, output, candidate = steps[0].chunk(4, dim=1)
        opened, output = self.openings(opened, output)
        cell = opened * torch.tanh(candidate)
        state = output * torch.tanh(cell)
        for step in steps[1:]:
            *gates, candidate = (step + self.of_state(state)).chunk(4, dim=1)
            opened, forget, output = self.openings(*gates)
            cell = forget * cell + opened * torch.tanh(candidate)
            state = output * torch.tanh(cell)
        return state

    def openings(self, *gates: Tensor) -> tuple[Tensor, ...]:
        """How far the gates of a step are open.

        Args:
            gates: Input, forget and output gate, ``(N, C, H, W)``; in the first step
                there is nothing to forget, and no forget gate.

        Returns:
            They, from 0 to 1.
        """
        return tuple(torch.sigmoid(gate) for gate in gates)
