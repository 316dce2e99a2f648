"""Pixel attention: how much two pixels have to do with each other, and nothing else.

Shapes: B images, N expressions, T words, P = H * W positions, d attention channels.
Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, Table 2, "Pixel attention".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch.nn import functional

from mmris.models.layers import no_autocast
from mmris.registry import MODELS

from ._pair_block import PairAttentionBlock

if TYPE_CHECKING:
    from torch import Tensor

    from ._pair_block import Pixels, Words


class _ImagePart(NamedTuple):
    """What needs no words, once an image.

    Attributes:
        gathered: What each pixel gathered, ``(B, P, d)``.
        residual: ``(B, out_channels, H, W)``.
    """

    gathered: Tensor
    residual: Tensor


@MODELS.register_module()
class PixelAttentionBlock(PairAttentionBlock):
    r"""Cross-modal self-attention of whose scores only the term of two pixels is kept.

    With q, k, u of a pair as in :class:`CrossModalAttentionBlock`,
    :math:`q_{pn} = a_p + b_n`, :math:`k_{pn} = c_p + d_n`, :math:`u_{pn} = g_p + h_n`,
    a score has four terms, and here it is :math:`a_p \cdot c_{p'}`:

    .. math::
        \hat u_{pn} = \sum_{p'} \mathrm{softmax}_{p'}(a_p \cdot c_{p'})\, g_{p'}
            + \mathrm{mean}_{n'}\, h_{n'}

    The attention needs no words: it runs once an image, however many expressions there
    are, and without a P x P matrix where PyTorch's fused attention is used.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        attention_channels: d, channels of q, k and u; 512 in the paper.
        out_channels: Channels of X, 500 in the paper; None for as many as the level
            has.

    Deviations: the paper says that its ablations set components of the attention to
    zero, not which; :class:`SameWordAttentionBlock` is the other reading. The columns
    of the query and of the key that meet words would have no effect and are not there.
    """

    @property
    def query_channels(self) -> int:
        """Those of a pixel and its place."""
        return self.pixel_channels

    @property
    def key_channels(self) -> int:
        """Those of a pixel and its place."""
        return self.pixel_channels

    def image_part(self, pixels: Pixels, values: Tensor) -> _ImagePart:
        """Let the pixels attend to each other.

        Args:
            pixels: Those of B images.
            values: g, ``(B, d, P)``.

        Returns:
            What :meth:`gather` wants.
        """
        with no_autocast(pixels.visual):
            query, key = (
                self.of_pixels(linear, pixels).transpose(1, 2)  # (B, P, d)
                for linear in (self.query, self.key)
            )
            value = values.to(query).transpose(1, 2)
            gathered = functional.scaled_dot_product_attention(
                query[:, None], key[:, None], value[:, None], scale=1.0
            )[:, 0]
        return _ImagePart(gathered, self.image_residual(pixels))

    def gather(
        self,
        projected: _ImagePart,
        words: Words,
        image_index: Tensor,
        word_values: Tensor,
    ) -> Tensor:
        """Add the mean over the words.

        Args:
            projected: What :meth:`image_part` gave for B images.
            words: Of N expressions.
            image_index: ``(N,)`` int64, the image of each.
            word_values: h, ``(N, T, d)``.

        Returns:
            ``(N, P, d)``.
        """
        said = words.weights[:, None] @ word_values  # (N, 1, d)
        return projected.gathered[image_index] + said
