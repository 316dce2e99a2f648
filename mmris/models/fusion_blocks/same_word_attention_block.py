"""Attention among the pairs of one word: its pixels see each other.

Shapes: B images, N expressions, T words, P = H * W positions, d attention channels.
Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, Table 2, "Pixel attention".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mmris.models.layers import no_autocast
from mmris.registry import MODELS

from ._averaged_attention import gather_pixels
from ._pair_block import PairAttentionBlock

if TYPE_CHECKING:
    from torch import Tensor

    from ._pair_block import Pixels, Words


class _ImagePart(NamedTuple):
    """What needs no words, once an image.

    Attributes:
        key: c, ``(B, d, P)``.
        value: g, ``(B, d, P)``.
        scores: a . c of all pairs of positions, ``(B, P, P)``.
        residual: ``(B, out_channels, H, W)``.
    """

    key: Tensor
    value: Tensor
    scores: Tensor
    residual: Tensor


@MODELS.register_module()
class SameWordAttentionBlock(PairAttentionBlock):
    r"""Cross-modal self-attention whose keys are the pairs of the query's own word.

    With q, k, u of a pair as in :class:`CrossModalAttentionBlock`,
    :math:`q_{pn} = a_p + b_n`, :math:`k_{pn} = c_p + d_n`, :math:`u_{pn} = g_p + h_n`.
    Only :math:`n' = n` is seen, so that d is the same for all keys and has no effect:

    .. math::
        \hat u_{pn} = \sum_{p'} \mathrm{softmax}_{p'}
            (a_p \cdot c_{p'} + b_n \cdot c_{p'})\, g_{p'} + h_n

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        attention_channels: d, channels of q, k and u; 512 in the paper.
        out_channels: Channels of X, 500 in the paper; None for as many as the level
            has.

    Deviations: the paper says that its ablations set components of the attention to
    zero, not which; :class:`PixelAttentionBlock` is the other reading. The columns of
    the key that meet words would have no effect and are not there.
    """

    @property
    def key_channels(self) -> int:
        """Those of a pixel and its place."""
        return self.pixel_channels

    def image_part(self, pixels: Pixels, values: Tensor) -> _ImagePart:
        """The parts of pixels and places, and the scores between pixels.

        Args:
            pixels: Those of B images.
            values: g, ``(B, d, P)``.

        Returns:
            What :meth:`gather` wants.
        """
        with no_autocast(pixels.visual):
            key = self.of_pixels(self.key, pixels)  # (B, d, P)
            scores = self.of_pixels(self.query, pixels).transpose(1, 2) @ key
        return _ImagePart(key, values, scores, self.image_residual(pixels))

    def gather(
        self,
        projected: _ImagePart,
        words: Words,
        image_index: Tensor,
        word_values: Tensor,
    ) -> Tensor:
        """Let the pixels of each word attend to each other, and average.

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
            offsets = word_query @ projected.key[image_index]  # (N, T, P)
        gathered = gather_pixels(
            projected.scores, offsets, words.weights, projected.value, image_index
        )  # (N, P, d)
        return gathered + words.weights[:, None] @ word_values
