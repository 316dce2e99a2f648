"""Word attention: how much two words have to do with each other, and nothing else.

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

from ._pair_block import PairAttentionBlock

if TYPE_CHECKING:
    from ._pair_block import Pixels, Words


class _ImagePart(NamedTuple):
    """What needs no words, once an image.

    Attributes:
        value: Mean of g over the positions, ``(B, d)``.
        residual: ``(B, out_channels, H, W)``.
    """

    value: Tensor
    residual: Tensor


@MODELS.register_module()
class WordAttentionBlock(PairAttentionBlock):
    r"""Cross-modal self-attention of whose scores only the term of two words is kept.

    With q, k, u of a pair as in :class:`CrossModalAttentionBlock`,
    :math:`q_{pn} = a_p + b_n`, :math:`k_{pn} = c_p + d_n`, :math:`u_{pn} = g_p + h_n`,
    a score has four terms, and here it is :math:`b_n \cdot d_{n'}`:

    .. math::
        \hat u_{pn} = \mathrm{mean}_{p'}\, g_{p'}
            + \sum_{n'} \mathrm{softmax}_{n'}(b_n \cdot d_{n'})\, h_{n'}

    It is the same at all positions, so that it is computed once an expression.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        attention_channels: d, channels of q, k and u; 512 in the paper.
        out_channels: Channels of X, 500 in the paper; None for as many as the level
            has.

    Deviations: the paper says that its ablations set components of the attention to
    zero, not which; :class:`SamePixelAttentionBlock` is the other reading. The columns
    of the query and of the key that meet pixels would have no effect and are not there.
    """

    @property
    def query_channels(self) -> int:
        """Those of a word."""
        return self.word_channels

    @property
    def key_channels(self) -> int:
        """Those of a word."""
        return self.word_channels

    def image_part(self, pixels: Pixels, values: Tensor) -> _ImagePart:
        """Mean value and residual of each image.

        Args:
            pixels: Those of B images.
            values: g, ``(B, d, P)``.

        Returns:
            What :meth:`gather` wants.
        """
        return _ImagePart(values.mean(dim=2), self.image_residual(pixels))

    def gather(
        self,
        projected: _ImagePart,
        words: Words,
        image_index: Tensor,
        word_values: Tensor,
    ) -> Tensor:
        """Let the words attend to each other and average over them.

        Args:
            projected: What :meth:`image_part` gave for B images.
            words: Of N expressions.
            image_index: ``(N,)`` int64, the image of each.
            word_values: h, ``(N, T, d)``.

        Returns:
            ``(N, 1, d)``.
        """
        with no_autocast(words.tokens):
            key = self.key(words.tokens).transpose(1, 2)  # (N, d, T)
            scores = self.query(words.tokens) @ key  # (N, T, T)
            scores = scores.masked_fill(~words.mask[:, None], -torch.inf)
            attention = words.weights[:, None] @ torch.softmax(scores, dim=2)
        gathered = attention @ word_values  # (N, 1, d)
        return gathered + projected.value[image_index][:, None]
