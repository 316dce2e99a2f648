"""Two ways in which a level first meets the words: by their product, or by their sum.

Shapes: N expressions, B images, C channels, P = H * W positions, C_t word channels.
Paper: Huang et al., "Referring Image Segmentation via Cross-Modal Progressive
Comprehension", CVPR 2020, https://arxiv.org/abs/2010.00514, module CMPC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmengine.model import xavier_init
from torch import Tensor, nn

from mmris.models.layers import pointwise, unit_length

if TYPE_CHECKING:
    from .word_types import Phrase


class EntityPerception(nn.Module):
    r"""Bilinear fusion of the entity and attribute words with every position.

    .. math:: M = \sum_{i=1}^{r} (q W_{3i}) \odot (X W_{4i})

    For one expression this is linear in X, so the r products are never made: X is
    multiplied by :math:`\sum_i W_{4i}\, \mathrm{diag}(q W_{3i})`. The same numbers.

    Args:
        channels: ``C``, channels of X and of M.
        word_channels: ``C_t``, channels of q.
        rank: r.
    """

    def __init__(self, *, channels: int, word_channels: int, rank: int) -> None:
        super().__init__()
        self.entity = nn.Parameter(torch.empty(rank, channels, word_channels))
        self.visual = nn.Parameter(torch.empty(rank, channels, channels))
        for weights in (self.entity, self.visual):
            for weight in weights:
                nn.init.xavier_uniform_(weight)

    def project(self, visual: Tensor) -> Tensor:
        """The part that needs no words: nothing.

        Args:
            visual: X, ``(B, C, P)``.
        """
        return visual

    def forward(self, projected: Tensor, phrase: Phrase, image_index: Tensor) -> Tensor:
        """Fuse.

        Args:
            projected: What :meth:`project` gave for B images.
            phrase: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            M, ``(N, C, P)``.
        """
        scales = torch.einsum("nt,rct->nrc", phrase.entity, self.entity)  # q W_3
        weight = torch.einsum("nrc,rcd->ncd", scales, self.visual)  # (N, C, C)
        return weight @ projected[image_index]


class SentenceFeatures(nn.Module):
    r"""What stands in for :class:`EntityPerception` where the words are not perceived.

    .. math:: M = \mathrm{norm}(\tanh(W [X; \mathrm{tile}(s)] + b))

    with s the text encoder's sentence; norm scales to unit length.

    Args:
        channels: ``C``, channels of X and of M.
        sentence_channels: ``C_s``, channels of s.
    """

    def __init__(self, *, channels: int, sentence_channels: int) -> None:
        super().__init__()
        self.joint = nn.Linear(channels + sentence_channels, channels)
        self.widths = [channels, sentence_channels]
        xavier_init(self.joint, distribution="uniform")

    def project(self, visual: Tensor) -> Tensor:
        """The part that needs no words.

        Args:
            visual: X, ``(B, C, P)``.

        Returns:
            ``(B, C, P)``.
        """
        columns, _ = torch.split(self.joint.weight, self.widths, dim=1)
        return pointwise(visual, columns, self.joint.bias)

    def forward(self, projected: Tensor, phrase: Phrase, image_index: Tensor) -> Tensor:
        """Fuse.

        Args:
            projected: What :meth:`project` gave for B images.
            phrase: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            M, ``(N, C, P)``.
        """
        _, columns = torch.split(self.joint.weight, self.widths, dim=1)
        said = phrase.whole @ columns.t()  # (N, C)
        return unit_length(torch.tanh(projected[image_index] + said[:, :, None]), dim=1)
