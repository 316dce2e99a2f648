"""Levels tell each other what the sentence asks for.

Shapes: N expressions, C channels, C_s sentence channels, P = H * W positions.
Paper: Huang et al., "Referring Image Segmentation via Cross-Modal Progressive
Comprehension", CVPR 2020, https://arxiv.org/abs/2010.00514, module TGFE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from mmengine.model import xavier_init
from torch import nn

from mmris.models.layers import at_least_float32, no_autocast, resize_to
from mmris.registry import MODELS
from mmris.structures import FusedFeatures

from ._equal_channels import common_channels
from .level_parts import LevelExchange

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import FusedSpec


@MODELS.register_module()
class TextGuidedExchange(LevelExchange):
    r"""The sentence pools a context from each level, which opens the level to others.

    In each of n rounds, for each level :math:`Y_i` with the sentence s,

    .. math::
        \lambda &= \mathrm{softmax}_{positions}((Y_i W_9)(W_8 s + b_8) / \sqrt{C}),
            \qquad g_i = \sum_p \lambda_p Y_i(p) \\
        c_i &= W_c [g_i; s] + b_c, \qquad
        Y_i \leftarrow Y_i + \sum_{j \ne i} \sigma(c_i) \odot Y_j

    All levels of a round see those of the round before. Weights are those of one level
    and round. The key :math:`Y_i W_9` is never made: its product with the query is that
    of :math:`Y_i` with :math:`W_9 (W_8 s + b_8)`.

    The sentence is the one that the neck leaves for the level.

    Args:
        in_features: What comes in, all levels of the same width; from the head.
        num_rounds: n; 3 in the paper.

    Raises:
        ValueError: The widths of the levels differ, or there is no round.

    Deviations: the paper weighs positions by the products themselves, neither scaled
    nor normalised; then the context grows with the number of positions, all gates are 0
    or 1 before the first step, and the model does not learn. Softmax and scale are the
    released code's. A bias of the key would be lost in the softmax, and there is none.
    The paper does not say whether levels and rounds share weights; here, as in the
    code, they do not. What comes from a level of another size is resized bilinearly. A
    single level has nobody to hear of, so nothing is learned or done. The pooling is in
    float32 also under autocast. The code differs from the equations, which decide: it
    scales context and levels to unit length, has 1x1 convolutions on the context and on
    foreign levels, and two rounds.
    """

    def __init__(self, *, in_features: FusedSpec, num_rounds: int) -> None:
        super().__init__(in_features=in_features)
        part = "model.decode_head.exchange TextGuidedExchange"
        channels = common_channels(in_features, part)
        if num_rounds < 1:
            raise ValueError(
                f"{part} has num_rounds {num_rounds}; set it to 1 or more, or leave "
                "model.decode_head.exchange out"
            )
        self.rounds = nn.ModuleList()
        if len(in_features.levels) > 1:
            self.rounds.extend(
                nn.ModuleList(
                    _LevelGate(channels, text.sentence_channels)
                    for text in in_features.text
                )
                for _ in range(num_rounds)
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
        sentences = [text.sentence for text in fused.text]
        for gates in cast("list[list[_LevelGate]]", list(self.rounds)):
            opened = [
                gate(level, sentence)
                for gate, level, sentence in zip(gates, levels, sentences, strict=True)
            ]
            levels = [
                level + opened[target] * _sum_of_others(levels, target)
                for target, level in enumerate(levels)
            ]
        return FusedFeatures(tuple(levels), fused.text, fused.image_index)


class _LevelGate(nn.Module):
    """Which channels of the others a level takes over, in one round."""

    def __init__(self, channels: int, sentence_channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(sentence_channels, channels)  # W_8
        self.key = nn.Linear(channels, channels, bias=False)  # W_9
        self.context = nn.Linear(channels + sentence_channels, channels)  # W_c
        for linear in (self.query, self.key, self.context):
            xavier_init(linear, distribution="uniform")

    def forward(self, level: Tensor, sentence: Tensor) -> Tensor:
        """Of ``(N, C, H, W)`` and ``(N, C_s)`` the gate, ``(N, C, 1, 1)``."""
        positions = at_least_float32(level.flatten(2))  # (N, C, P)
        sentence = at_least_float32(sentence)
        with no_autocast(positions):
            query = self.query(sentence) @ self.key.weight  # (N, C)
            scores = (query[:, None] @ positions) / positions.shape[1] ** 0.5
            shares = torch.softmax(scores, dim=2)  # (N, 1, P)
            pooled = (positions @ shares.transpose(1, 2)).squeeze(2)  # g, (N, C)
        context = self.context(torch.cat([pooled, sentence], dim=1))
        return torch.sigmoid(context)[:, :, None, None]


def _sum_of_others(levels: list[Tensor], target: int) -> Tensor:
    """All levels but one, at its size."""
    size = levels[target].shape[-2:]
    others = [
        resize_to(level, size) for index, level in enumerate(levels) if index != target
    ]
    return torch.stack(others).sum(dim=0) if len(others) > 1 else others[0]
