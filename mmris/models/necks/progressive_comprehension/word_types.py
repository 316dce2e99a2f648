"""What kind of word each word is, and what the words of a kind say together.

Shapes: N expressions, T words, C_t word channels, C_s sentence channels.
Paper: Huang et al., "Referring Image Segmentation via Cross-Modal Progressive
Comprehension", CVPR 2020, https://arxiv.org/abs/2010.00514, module CMPC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from mmengine.model import xavier_init
from torch import Tensor, nn

from mmris.models.layers import at_least_float32, unit_length

if TYPE_CHECKING:
    from mmris.structures import TextFeatures

# The order in which a word's four probabilities stand.
WORD_TYPES = ("entity", "attribute", "relation", "unnecessary")
ENTITY, ATTRIBUTE, RELATION, UNNECESSARY = range(4)


class Phrase(NamedTuple):
    """The words of N expressions as the levels want them; all of unit length.

    Attributes:
        words: Each word, ``(N, T, C_t)``, zero on padding.
        mask: ``(N, T)`` bool, ``True`` on words.
        relation: How much a word says of a relation, from 0 to 1, ``(N, T)``, zero on
            padding.
        entity: What is said of entities and attributes, ``(N, C_t)``.
        sentence: What is said of entities, attributes and relations, ``(N, C_t)``.
        whole: The text encoder's own sentence, ``(N, C_s)``.
    """

    words: Tensor
    mask: Tensor
    relation: Tensor
    entity: Tensor
    sentence: Tensor
    whole: Tensor


class WordTypeClassifier(nn.Module):
    r"""Tells entity, attribute, relation and unnecessary words apart; no supervision.

    With words :math:`l_t` of unit length,

    .. math::
        p_t &= \mathrm{softmax}(W_2\, \sigma(W_1 l_t + b_1) + b_2) \\
        q &= \sum_t (p_t^{ent} + p_t^{attr})\, l_t, \qquad
        s = \sum_t (p_t^{ent} + p_t^{attr} + p_t^{rel})\, l_t

    The sums are over valid words and are brought to unit length.

    Args:
        in_channels: ``C_t``, channels of a word.
        channels: Channels between the two layers; 500 in the paper.
    """

    def __init__(self, *, in_channels: int, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_channels, channels)
        self.score = nn.Linear(channels, 4)
        for linear in (self.hidden, self.score):
            xavier_init(linear, distribution="uniform")

    def forward(self, text: TextFeatures) -> Phrase:
        """Classify the words and sum them up.

        Args:
            text: N expressions; padded words receive exactly zero weight.

        Returns:
            The phrase.
        """
        # Whatever stands in padding, infinities included, must not reach a product.
        tokens = text.tokens.masked_fill(~text.mask[:, :, None], 0)
        words = unit_length(tokens, dim=2)
        shares = self.shares(words, text.mask)
        entity = shares[:, :, ENTITY] + shares[:, :, ATTRIBUTE]  # (N, T)
        relation = shares[:, :, RELATION]
        return Phrase(
            words=words,
            mask=text.mask,
            relation=relation,
            entity=_weighted_sum(entity, words),
            sentence=_weighted_sum(entity + relation, words),
            whole=unit_length(text.sentence, dim=1),
        )

    def shares(self, words: Tensor, mask: Tensor) -> Tensor:
        """The probabilities of the four types.

        Args:
            words: Of unit length, ``(N, T, C_t)``.
            mask: ``(N, T)`` bool, ``True`` on words.

        Returns:
            ``(N, T, 4)`` in the order of ``WORD_TYPES``, zero on padding.
        """
        scores = self.score(torch.sigmoid(self.hidden(words)))
        shares = torch.softmax(at_least_float32(scores), dim=2)
        return shares.masked_fill(~mask[:, :, None], 0)


def _weighted_sum(weights: Tensor, words: Tensor) -> Tensor:
    """Of unit length, ``(N, C_t)``."""
    return unit_length((weights[:, :, None] * words).sum(dim=1), dim=1)
