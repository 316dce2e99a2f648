"""What a level takes from another is decided by the words of that other level.

Shapes: N expressions, C channels of a level, C_t of its words.
Paper: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Sec. 3.3
("Hierarchical Cross-Modal Aggregation Module", HCAM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn import functional

from mmris.models.layers import masked_mean, resize_to
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec

from ._equal_channels import common_channels
from .level_parts import LevelExchange

if TYPE_CHECKING:
    from torch import Tensor


@MODELS.register_module()
class HierarchicalCrossModalExchange(LevelExchange):
    r"""The exchange of SHNet's HCAM; :class:`Conv3dAggregation` is its other half.

    With the visual feature :math:`f_i` of level i and the mean :math:`\bar l_j` of the
    words of level j,

    .. math::
        \Lambda_{ij} = \sigma(\mathrm{Conv}^i_{3\times3}([f_i; \bar l_j])), \qquad
        g_i = f_i + \sum_{j \ne i} \Lambda_{ij} \odot f_j

    all from the levels as they come in. The words are not tiled: the convolution of
    :math:`f_i` serves all j, and what the words add at a place is the sum, over those
    of the nine taps that lie inside the map, of the tap's kernel times
    :math:`\bar l_j`. The result is the same, at the border too.

    Args:
        in_features: What comes in, all levels of the same width, and so their words;
            from the head.
        dropout: Share of the channels of a gate that are dropped in training; a dropped
            one is half open.

    Raises:
        ValueError: The widths of the levels or of their words differ.

    Deviations: none from the equations. Where the paper is silent, the released code's
    choices: one convolution and batch normalisation for each target i, used for both
    sources (in training once for each, with statistics of its own), dropout 0.2. The
    paper's levels have one size; here what comes from a level of another size is
    resized bilinearly to that of the target. A single level has nobody to take from.
    """

    def __init__(self, *, in_features: FusedSpec, dropout: float = 0.2) -> None:
        super().__init__(in_features=in_features)
        channels = common_channels(
            in_features, "model.decode_head.exchange HierarchicalCrossModalExchange"
        )
        word_channels = [text.token_channels for text in in_features.text]
        if len(set(word_channels)) > 1:
            raise ValueError(
                "model.decode_head.exchange HierarchicalCrossModalExchange reads the "
                "words of all levels by one convolution, but model.neck gives them "
                f"{tuple(word_channels)} channels. Choose another neck or exchange"
            )
        targets = range(len(word_channels) if len(word_channels) > 1 else 0)
        self.convs = nn.ModuleList(
            nn.Conv2d(channels + word_channels[0], channels, 3, padding=1)
            for _ in targets
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in targets)
        self.dropout = nn.Dropout2d(dropout)
        self.channels = channels

    @property
    def spec(self) -> FusedSpec:
        """As comes in."""
        return self.in_features

    def forward(self, fused: FusedFeatures) -> FusedFeatures:
        """Exchange.

        Args:
            fused: Levels of N expressions and their words.

        Returns:
            As many levels of the same sizes, each with one row an expression.
        """
        said = [masked_mean(text.tokens, text.mask) for text in fused.text]
        levels = fused.expanded()
        maps = list(levels)
        convs = cast("list[nn.Conv2d]", list(self.convs))
        for target, (conv, norm) in enumerate(zip(convs, self.norms, strict=True)):
            size = levels[target].shape[-2:]
            kernel = conv.weight  # (C, C + C_t, 3, 3)
            seen = functional.conv2d(
                levels[target], kernel[:, : self.channels], conv.bias, padding=1
            )
            for source, foreign in enumerate(levels):
                if source != target:
                    heard = _tiled_conv(said[source], kernel[:, self.channels :], size)
                    gate = self.opening(norm(seen + heard), target, source)
                    maps[target] = maps[target] + gate * resize_to(foreign, size)
        return FusedFeatures(tuple(maps), fused.text, fused.image_index)

    def opening(self, scores: Tensor, target: int, source: int) -> Tensor:
        r"""How far the gate between two levels is open, :math:`\Lambda_{ij}`.

        Args:
            scores: What seen and heard say, normalised, ``(N, C, H_i, W_i)``.
            target: i, the level that takes.
            source: j, the one that gives; both are for who looks at the gates.

        Returns:
            From 0 to 1.
        """
        del target, source
        gate: Tensor = torch.sigmoid(self.dropout(scores))
        return gate


def _tiled_conv(vectors: Tensor, kernel: Tensor, size: torch.Size) -> Tensor:
    """A zero-padded convolution of vectors that are the same at all places.

    Args:
        vectors: ``(N, C_t)``.
        kernel: ``(C, C_t, 3, 3)``.
        size: ``H`` and ``W``.

    Returns:
        ``(N, C, H, W)``.
    """
    taps = torch.einsum("nt,otk->nok", vectors, kernel.flatten(2))  # (N, C, 9)
    ones = torch.ones(1, 1, *size, device=taps.device, dtype=taps.dtype)
    inside = functional.unfold(ones, kernel_size=3, padding=1)[0]  # (9, H * W)
    spread: Tensor = taps @ inside
    return spread.view(*taps.shape[:2], *size)
