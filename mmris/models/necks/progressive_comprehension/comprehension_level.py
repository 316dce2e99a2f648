"""Progressive comprehension on one level of the backbone.

Shapes: B images, N expressions, C channels, P = H * W positions.
Paper: Huang et al., "Referring Image Segmentation via Cross-Modal Progressive
Comprehension", CVPR 2020, https://arxiv.org/abs/2010.00514, module CMPC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from mmengine.model import xavier_init
from torch import Tensor, nn

from mmris.models.layers import (
    NUM_COORDINATES,
    coordinate_map,
    pointwise,
    unit_length,
)

from .joint_features import EntityPerception, SentenceFeatures
from .relation_reasoning import RelationReasoning

if TYPE_CHECKING:
    from mmris.structures import TextSpec

    from .word_types import Phrase


class LevelImagePart(NamedTuple):
    """What a level needs no words for, once an image.

    Attributes:
        base: What the last 1x1 convolution makes of X, with its bias,
            ``(B, C_out, H, W)``.
        joint: What the joint features want of X, ``(B, C, P)``; None without them.
    """

    base: Tensor
    joint: Tensor | None


class ComprehensionLevel(nn.Module):
    r"""From a level and a phrase to a multimodal map.

    .. math::
        X &= \mathrm{norm}(W_v [V; O] + b_v) \\
        M &= \mathrm{perceive}(X, q), \qquad \bar M = \mathrm{reason}(M, R) \\
        Y &= \mathrm{ReLU}(W_y [X; \bar M; \mathrm{tile}(s)] + b_y)

    with O the eight coordinates and norm the scaling to unit length. Nothing is tiled
    or concatenated: kernels are cut into the columns of each part.

    Args:
        in_channels: ``C_i``, channels of V.
        in_text: Widths of the words and of the text encoder's sentence.
        channels: ``C``, channels of X, M and the graph.
        out_channels: ``C_out``, channels of Y.
        rank: r of the bilinear fusion; 0 for the sentence instead of it.
        num_graph_layers: Layers of the reasoning; 0 for none, M taking the place of
            :math:`\bar M`. Without both there is no M: Y is made of X and s.
    """

    joint: EntityPerception | SentenceFeatures | None
    reasoning: RelationReasoning | None

    def __init__(
        self,
        *,
        in_channels: int,
        in_text: TextSpec,
        channels: int,
        out_channels: int,
        rank: int,
        num_graph_layers: int,
    ) -> None:
        super().__init__()
        word_channels = in_text.token_channels
        self.in_widths = [in_channels, NUM_COORDINATES]
        self.visual = nn.Linear(sum(self.in_widths), channels)
        self.joint = self.reasoning = None
        if rank > 0:
            self.joint = EntityPerception(
                channels=channels, word_channels=word_channels, rank=rank
            )
        elif num_graph_layers > 0:
            self.joint = SentenceFeatures(
                channels=channels, sentence_channels=in_text.sentence_channels
            )
        if num_graph_layers > 0:
            self.reasoning = RelationReasoning(
                channels=channels,
                word_channels=word_channels,
                num_layers=num_graph_layers,
            )
        if self.joint is None:
            self.out_widths = [channels, 0, in_text.sentence_channels]
        else:
            self.out_widths = [channels, channels, word_channels]
        self.output = nn.Linear(sum(self.out_widths), out_channels)
        for linear in (self.visual, self.output):
            xavier_init(linear, distribution="uniform")

    def project(self, level: Tensor) -> LevelImagePart:
        """The part that needs no words.

        Args:
            level: V, ``(B, C_i, H, W)``.

        Returns:
            What :meth:`forward` wants.
        """
        height, width = level.shape[-2:]
        place = coordinate_map(height, width, device=level.device, dtype=level.dtype)
        of_level, of_place = torch.split(self.visual.weight, self.in_widths, dim=1)
        mixed = pointwise(level.flatten(2), of_level, self.visual.bias)
        mixed = mixed + of_place @ place.flatten(1)
        visual = unit_length(mixed, dim=1)  # X, (B, C, P)
        of_visual, _, _ = self._output_columns()
        base = pointwise(visual, of_visual, self.output.bias)
        return LevelImagePart(
            base.view(*base.shape[:2], height, width),
            None if self.joint is None else self.joint.project(visual),
        )

    def forward(
        self, projected: LevelImagePart, phrase: Phrase, image_index: Tensor
    ) -> Tensor:
        """The part that needs the words.

        Args:
            projected: What :meth:`project` gave for B images.
            phrase: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            Y, ``(N, C_out, H, W)``.
        """
        _, of_joint, of_sentence = self._output_columns()
        said = phrase.sentence @ of_sentence.t()  # (N, C_out)
        total = projected.base[image_index] + said[:, :, None, None]
        if self.joint is not None and projected.joint is not None:
            joint = self.joint(projected.joint, phrase, image_index)  # (N, C, P)
            if self.reasoning is None:
                comprehended = pointwise(joint, of_joint)
            else:
                comprehended = self.reasoning(joint, phrase, of_joint)
            total = total + comprehended.view(total.shape)
        return torch.relu(total)

    def _output_columns(self) -> tuple[Tensor, Tensor, Tensor]:
        """The columns of the last weight that meet X, its successor and s."""
        visual, joint, sentence = torch.split(
            self.output.weight, self.out_widths, dim=1
        )
        return visual, joint, sentence
