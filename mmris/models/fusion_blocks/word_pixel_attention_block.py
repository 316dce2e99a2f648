"""Word-pixel attention: how much a word and a pixel have to do with each other.

Shapes: B images, N expressions, T words, P = H * W positions, d attention channels.
Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, Table 2, "Word-pixel pair
attention".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from mmris.models.layers import no_autocast
from mmris.registry import MODELS

from ._pair_block import PairAttentionBlock

if TYPE_CHECKING:
    from ._pair_block import Pixels, Words


class _ImagePart(NamedTuple):
    """What needs no words, once an image.

    Attributes:
        query: a, ``(B, d, P)``.
        key: c, ``(B, d, P)``.
        value: g, ``(B, d, P)``.
        residual: ``(B, out_channels, H, W)``.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    residual: Tensor


@MODELS.register_module()
class WordPixelAttentionBlock(PairAttentionBlock):
    r"""Cross-modal self-attention of whose scores only the cross terms are kept.

    With q, k, u of a pair as in :class:`CrossModalAttentionBlock`,
    :math:`q_{pn} = a_p + b_n`, :math:`k_{pn} = c_p + d_n`, :math:`u_{pn} = g_p + h_n`,
    a score has four terms, and here it is :math:`b_n \cdot c_{p'} + a_p \cdot d_{n'}`:

    .. math::
        \hat u_{pn} = \sum_{p'} \mathrm{softmax}_{p'}(b_n \cdot c_{p'})\, g_{p'}
            + \sum_{n'} \mathrm{softmax}_{n'}(a_p \cdot d_{n'})\, h_{n'}

    Words attend to pixels and pixels to words: matrices are T x P, never P x P.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        attention_channels: d, channels of q, k and u; 512 in the paper.
        out_channels: Channels of X, 500 in the paper; None for as many as the level
            has.

    Deviations: the paper says that its ablations set components of the attention to
    zero, not which: these are the two terms of a word and a pixel.
    """

    def image_part(self, pixels: Pixels, values: Tensor) -> _ImagePart:
        """The parts of pixels and places.

        Args:
            pixels: Those of B images.
            values: g, ``(B, d, P)``.

        Returns:
            What :meth:`gather` wants.
        """
        with no_autocast(pixels.visual):
            query = self.of_pixels(self.query, pixels)
            key = self.of_pixels(self.key, pixels)
        return _ImagePart(query, key, values, self.image_residual(pixels))

    def gather(
        self,
        projected: _ImagePart,
        words: Words,
        image_index: Tensor,
        word_values: Tensor,
    ) -> Tensor:
        """Let words and pixels attend to each other, and average over words.

        Args:
            projected: What :meth:`image_part` gave for B images.
            words: Of N expressions.
            image_index: ``(N,)`` int64, the image of each.
            word_values: h, ``(N, T, d)``.

        Returns:
            ``(N, P, d)``.
        """
        with no_autocast(words.tokens):
            word_query = self.of_words(self.query, words.tokens)  # (N, T, d)
            to_pixels = torch.softmax(word_query @ projected.key[image_index], dim=2)
            to_pixels = words.weights[:, None] @ to_pixels  # (N, 1, P)
            word_key = self.of_words(self.key, words.tokens).transpose(1, 2)
            scores = projected.query[image_index].transpose(1, 2) @ word_key
            scores = scores.masked_fill(~words.mask[:, None], -torch.inf)
            to_words = torch.softmax(scores, dim=2)  # (N, P, T)
        gathered = to_words @ word_values  # (N, P, d)
        return gathered + to_pixels @ projected.value[image_index].transpose(1, 2)
