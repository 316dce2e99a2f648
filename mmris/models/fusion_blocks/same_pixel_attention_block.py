"""Attention among the pairs of one pixel: its words see each other.

Shapes: B images, N expressions, T words, P = H * W positions, d attention channels.
Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, Table 2, "Word attention".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from mmris.models.layers import no_autocast
from mmris.registry import MODELS

from ._averaged_attention import averaged_attention
from ._pair_block import PairAttentionBlock

if TYPE_CHECKING:
    from ._pair_block import Pixels, Words


class _ImagePart(NamedTuple):
    """What needs no words, once an image.

    Attributes:
        query: a, ``(B, d, P)``.
        value: g, ``(B, d, P)``.
        residual: ``(B, out_channels, H, W)``.
    """

    query: Tensor
    value: Tensor
    residual: Tensor


@MODELS.register_module()
class SamePixelAttentionBlock(PairAttentionBlock):
    r"""Cross-modal self-attention whose keys are the pairs of the query's own pixel.

    With q, k, u of a pair as in :class:`CrossModalAttentionBlock`,
    :math:`q_{pn} = a_p + b_n`, :math:`k_{pn} = c_p + d_n`, :math:`u_{pn} = g_p + h_n`.
    Only :math:`p' = p` is seen, so that c is the same for all keys and has no effect:

    .. math::
        \hat u_{pn} = g_p + \sum_{n'} \mathrm{softmax}_{n'}
            (a_p \cdot d_{n'} + b_n \cdot d_{n'})\, h_{n'}

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        attention_channels: d, channels of q, k and u; 512 in the paper.
        out_channels: Channels of X, 500 in the paper; None for as many as the level
            has.

    Deviations: the paper says that its ablations set components of the attention to
    zero, not which; :class:`WordAttentionBlock` is the other reading. The columns of
    the key that meet pixels would have no effect and are not there.
    """

    @property
    def key_channels(self) -> int:
        """Those of a word."""
        return self.word_channels

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
        return _ImagePart(query, values, self.image_residual(pixels))

    def gather(
        self,
        projected: _ImagePart,
        words: Words,
        image_index: Tensor,
        word_values: Tensor,
    ) -> Tensor:
        """Let the words of each pixel attend to each other, and average.

        Args:
            projected: What :meth:`image_part` gave for B images.
            words: Of N expressions.
            image_index: ``(N,)`` int64, the image of each.
            word_values: h, ``(N, T, d)``.

        Returns:
            ``(N, P, d)``.
        """
        with no_autocast(words.tokens):
            key = self.key(words.tokens).transpose(1, 2)  # (N, d, T)
            scores = projected.query[image_index].transpose(1, 2) @ key  # (N, P, T)
            scores = scores.masked_fill(~words.mask[:, None], -torch.inf)
            offsets = self.of_words(self.query, words.tokens) @ key  # (N, T, T)
            to_words = averaged_attention(scores, offsets, words.weights)
        gathered = to_words @ word_values  # (N, P, d)
        return gathered + projected.value[image_index].transpose(1, 2)
