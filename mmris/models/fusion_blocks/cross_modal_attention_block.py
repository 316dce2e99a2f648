"""Cross-modal self-attention between all pairs of a word and a pixel.

Shapes: B images, N expressions, T words, P = H * W positions, d attention channels.
Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, sections "Multimodal
Features" and "Cross-Modal Self-Attention".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from mmris.models.layers import no_autocast
from mmris.registry import MODELS

from ._averaged_attention import averaged_attention, gather_pixels
from ._pair_block import PairAttentionBlock

if TYPE_CHECKING:
    from ._pair_block import Pixels, Words


class _ImagePart(NamedTuple):
    """What needs no words, once an image.

    Attributes:
        query: a, ``(B, d, P)``.
        key: c, ``(B, d, P)``.
        value: g, ``(B, d, P)``.
        scores: a . c of all pairs of positions, ``(B, P, P)``, at least in float32.
        residual: What the 1x1 convolution makes of pixels and coordinates, with its
            bias, ``(B, out_channels, H, W)``.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    scores: Tensor
    residual: Tensor


class _ScoreTerms(NamedTuple):
    """A score of a query pair and a key pair has four terms; these need words.

    Attributes:
        word_pixel: b . c of the word of the query and the pixel of the key,
            ``(N, T, P)``.
        pixel_word: a . d, ``(N, P, T)``, minus infinity for padded words as keys.
        word_word: b . d, ``(N, T, T)``.
    """

    word_pixel: Tensor
    pixel_word: Tensor
    word_word: Tensor


@MODELS.register_module()
class CrossModalAttentionBlock(PairAttentionBlock):
    r"""Self-attention over the P T pairs of pixel and word, averaged over the words.

    A pair has the feature
    :math:`f_{pn} = [v_p / \|v_p\|;\; e_n / \|e_n\|;\; O_p]` of pixel, word and eight
    coordinates. With :math:`q, k, u` linear in f, and without a scale,

    .. math::
        \hat u_{pn} &= \sum_{p'n'} \mathrm{softmax}_{p'n'}(q_{pn} \cdot k_{p'n'})
            \, u_{p'n'} \\
        \hat f_p &= \mathrm{mean}_n (W_{\hat v} \hat u_{pn} + f_{pn}), \qquad
        X_p = \mathrm{ReLU}(W_x \hat f_p + b_x)

    The parameters are those of the equations, but no pair is ever formed. All maps are
    linear, so q, k, u are sums of a part of the pixel and one of the word,
    :math:`q_{pn} = a_p + b_n`, :math:`k_{pn} = c_p + d_n`, :math:`u_{pn} = g_p + h_n`.
    A score is then a sum of a term in p' and one in n', its softmax a product of two,

    .. math::
        \hat u_{pn} = \sum_{p'} \mathrm{softmax}_{p'}(a_p c_{p'} + b_n c_{p'})\, g_{p'}
            + \sum_{n'} \mathrm{softmax}_{n'}(a_p d_{n'} + b_n d_{n'})\, h_{n'},

    and the mean over n moves in front of g, h and :math:`W_{\hat v}`, which merges with
    :math:`W_x`. This is exact in training and evaluation, and the largest tensors are
    P x P. Parts of the image, :math:`a c^\top` among them, run once an image.

    Padded words have weight zero as keys, and the mean over n is over valid words.
    Scores and softmax are in float32 also under autocast: without a scale they grow
    beyond what bfloat16 resolves.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        attention_channels: d, channels of q, k and u; 512 in the paper.
        out_channels: Channels of X, 500 in the paper; None for as many as the level
            has.

    Deviations: none from the equations. Where the paper is silent: it writes no bias in
    q, k, u and :math:`W_{\hat v}`, and there is none (a key's would be lost in the
    softmax, those of u and :math:`W_{\hat v}` would be part of :math:`b_x`); the ReLU
    and the Xavier initialisation are the released code's. That code also has ReLU in q,
    k, u and the output and pools keys and values, which the paper does not: not built.

    Example:
        >>> import torch
        >>> from mmris.models import CrossModalAttentionBlock
        >>> from mmris.structures import LevelSpec, TextFeatures, TextSpec
        >>> block = CrossModalAttentionBlock(
        ...     in_level=LevelSpec(channels=6, stride=8),
        ...     in_text=TextSpec(token_channels=4, sentence_channels=4),
        ...     attention_channels=16,
        ...     out_channels=10,
        ... )
        >>> mask = torch.tensor([[True, True, True], [True, False, False]])
        >>> text = TextFeatures(torch.rand(2, 3, 4), mask, torch.rand(2, 4))
        >>> block(torch.rand(1, 6, 5, 7), text, torch.tensor([0, 0])).shape
        torch.Size([2, 10, 5, 7])
    """

    def image_part(self, pixels: Pixels, values: Tensor) -> _ImagePart:
        """The parts of pixels and coordinates, and the scores between pixels.

        Args:
            pixels: Those of B images.
            values: g, ``(B, d, P)``.

        Returns:
            What :meth:`gather` wants.
        """
        with no_autocast(pixels.visual):
            query = self.of_pixels(self.query, pixels)  # (B, d, P)
            key = self.of_pixels(self.key, pixels)
            scores = query.transpose(1, 2) @ key  # (B, P, P)
        return _ImagePart(query, key, values, scores, self.image_residual(pixels))

    def gather(
        self,
        projected: _ImagePart,
        words: Words,
        image_index: Tensor,
        word_values: Tensor,
    ) -> Tensor:
        """Attend, and average over the words.

        Args:
            projected: What :meth:`image_part` gave for B images.
            words: Of N expressions.
            image_index: ``(N,)`` int64, the image of each.
            word_values: h, ``(N, T, d)``.

        Returns:
            ``(N, P, d)``.
        """
        terms = self._score_terms(projected, words.tokens, words.mask, image_index)
        gathered = gather_pixels(
            projected.scores,
            terms.word_pixel,
            words.weights,
            projected.value,
            image_index,
        )  # (N, P, d)
        to_words = averaged_attention(terms.pixel_word, terms.word_word, words.weights)
        return gathered + to_words @ word_values

    def _score_terms(
        self, image: _ImagePart, words: Tensor, mask: Tensor, image_index: Tensor
    ) -> _ScoreTerms:
        """The terms of the scores that need words.

        Args:
            image: B images.
            words: Normalised, ``(N, T, C_t)``.
            mask: ``(N, T)`` bool.
            image_index: ``(N,)`` int64.
        """
        with no_autocast(words):
            word_query = self.of_words(self.query, words)  # (N, T, d)
            word_key = self.of_words(self.key, words).transpose(1, 2)  # (N, d, T)
            pixel_query = image.query[image_index].transpose(1, 2)  # (N, P, d)
            pixel_word = (pixel_query @ word_key).masked_fill(
                ~mask[:, None], -torch.inf
            )
            return _ScoreTerms(
                word_pixel=word_query @ image.key[image_index],
                pixel_word=pixel_word,
                word_word=word_query @ word_key,
            )
