"""A convolutional LSTM that reads the levels one after the other.

Shapes: L levels, N expressions, C channels, P = H * W positions of the finest level.
Papers: Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for
Precipitation Nowcasting", NeurIPS 2015, https://arxiv.org/abs/1506.04214; over levels:
Li et al., "Referring Image Segmentation via Recurrent Refinement Networks", CVPR 2018;
Huang et al., "Referring Image Segmentation via Cross-Modal Progressive Comprehension",
CVPR 2020, https://arxiv.org/abs/2010.00514.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmris.models.layers import at_least_float32, pointwise, resize_to
from mmris.registry import MODELS

from ._equal_channels import common_channels
from .level_parts import LevelAggregation

if TYPE_CHECKING:
    from mmris.structures import FusedFeatures, FusedSpec

_SMALLEST_VARIANCE = 1e-12
# The released code draws its peepholes, one a position, by Glorot's rule for the shape
# 40 x 40 x 500; what comes out is the same here.
_PEEPHOLE_RANGE = 0.0167


@MODELS.register_module()
class PeepholeConvLSTMAggregation(LevelAggregation):
    r"""The levels, finest first, are the steps of an LSTM; its last state is the map.

    With the level :math:`x_t`, state h and cell c, both zero at first,

    .. math::
        (j, i, f, o) &= W * [x_t; h] \\
        i &\leftarrow i + w_{ci} \odot c, \qquad f \leftarrow f + w_{cf} \odot c \\
        c' &= \sigma(n(f) + \beta) \odot c + \sigma(n(i)) \odot \tanh(n(j)) \\
        o &\leftarrow o + w_{co} \odot c', \qquad
        c \leftarrow n(c'), \qquad h = \sigma(n(o)) \odot \tanh(c)

    Every n is a normalisation of its own, over channels and positions of an expression
    together, with a learned scale and shift a channel. What W makes of the levels is
    computed for all of them at once; the first step skips whatever meets the state and
    the cell, which are zero. Both change nothing in the result.

    Args:
        in_features: What comes in, all levels of the same width; from the head.
        channels: Channels of the state; 500 in CMPC.
        forget_bias: :math:`\beta`; above 0 the forget gates start open.

    Raises:
        ValueError: The widths of the levels differ, or there is only one level.

    Deviations: the papers do not print the cell; it is that of CMPC's released code, a
    1x1 kernel without bias. That code has peephole weights :math:`w_{ci}, w_{cf},
    w_{co}` for each channel at each position of a 40x40 map, 2.4 million at 500
    channels, and so works at one input size only. Here they are one a channel: maps of
    any size, 1,500 weights, and no place of the image is special. Levels of other sizes
    than the finest are resized bilinearly.
    """

    def __init__(
        self, *, in_features: FusedSpec, channels: int, forget_bias: float = 1.0
    ) -> None:
        super().__init__(in_features=in_features)
        part = "model.decode_head.aggregation PeepholeConvLSTMAggregation"
        in_channels = common_channels(in_features, part)
        if len(in_features.levels) < 2:
            raise ValueError(
                f"{part} reads levels one after the other, but model.neck gives one; "
                "take SumAggregation, or more levels by model.neck.in_indices"
            )
        self.channels = channels
        self.forget_bias = forget_bias
        self.widths = [in_channels, channels]
        self.kernel = nn.Linear(sum(self.widths), 4 * channels, bias=False)
        nn.init.xavier_uniform_(self.kernel.weight)
        self.peephole_input = nn.Parameter(torch.empty(channels, 1))
        self.peephole_forget = nn.Parameter(torch.empty(channels, 1))
        self.peephole_output = nn.Parameter(torch.empty(channels, 1))
        for peephole in (
            self.peephole_input,
            self.peephole_forget,
            self.peephole_output,
        ):
            nn.init.uniform_(peephole, -_PEEPHOLE_RANGE, _PEEPHOLE_RANGE)
        # As many groups as gates: each is normalised alone.
        self.gate_norm = nn.GroupNorm(3, 3 * channels, eps=_SMALLEST_VARIANCE)
        self.output_norm = nn.GroupNorm(1, channels, eps=_SMALLEST_VARIANCE)
        self.cell_norm = nn.GroupNorm(1, channels, eps=_SMALLEST_VARIANCE)

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
        num_levels, rows = levels.shape[:2]
        of_level, of_state = torch.split(self.kernel.weight, self.widths, dim=1)
        read = pointwise(levels.flatten(0, 1).flatten(2), of_level)  # (L N, 4 C, P)
        first, *further = read.view(num_levels, rows, *read.shape[1:]).unbind()
        cell, state = self._first_step(first)
        for gates in further:
            cell, state = self._step(gates + pointwise(state, of_state), cell)
        return state.view(rows, self.channels, *size)

    def _first_step(self, gates: Tensor) -> tuple[Tensor, Tensor]:
        """A step with a zero cell, which leaves nothing to forget."""
        candidate, opened, _, output = gates.chunk(4, dim=1)
        both = torch.cat([candidate, opened], dim=1)
        candidate, opened = _normalise(self.gate_norm, both, num_groups=2).chunk(2, 1)
        (opened,) = self.openings(opened)
        return self._finish(opened * torch.tanh(candidate), output)

    def _step(self, gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Cell and state from the gates, ``(N, 4 C, P)``, and the cell before."""
        candidate, opened, forget, output = gates.chunk(4, dim=1)
        opened = opened + self.peephole_input * cell
        forget = forget + self.peephole_forget * cell
        gates = torch.cat([candidate, opened, forget], dim=1)
        candidate, opened, forget = _normalise(
            self.gate_norm, gates, num_groups=3
        ).chunk(3, dim=1)
        opened, forget = self.openings(opened, forget + self.forget_bias)
        return self._finish(forget * cell + opened * torch.tanh(candidate), output)

    def _finish(self, cell: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised cell and state from the new cell and the output gate."""
        output = output + self.peephole_output * cell
        output = _normalise(self.output_norm, output, num_groups=1)
        cell = _normalise(self.cell_norm, cell, num_groups=1)
        (output,) = self.openings(output)
        return cell, output * torch.tanh(cell)

    def openings(self, *gates: Tensor) -> tuple[Tensor, ...]:
        """How far gates are open.

        Args:
            gates: Input gate, input and forget gate, or output gate, ``(N, C, P)``: a
                step first opens the former, then the latter.

        Returns:
            They, from 0 to 1.
        """
        return tuple(torch.sigmoid(gate) for gate in gates)


def _normalise(norm: nn.GroupNorm, gates: Tensor, *, num_groups: int) -> Tensor:
    """By the first groups of a normalisation, in float32 or longer."""
    channels = gates.shape[1]
    return functional.group_norm(
        at_least_float32(gates),
        num_groups,
        norm.weight[:channels],
        norm.bias[:channels],
        norm.eps,
    )
