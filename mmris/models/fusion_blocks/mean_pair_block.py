"""No attention: the mean over the words of pixel, word and place, mixed.

Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, Table 2, "No attention".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmengine.model import xavier_init
from torch import nn

from mmris.registry import MODELS

from ._pair_block import PairBlock, unit_pixels, unit_words

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import LevelSpec, TextFeatures, TextSpec


@MODELS.register_module()
class MeanPairBlock(PairBlock):
    r"""Cross-modal self-attention without the attention: its residual path alone.

    .. math::
        X_p = \mathrm{ReLU}(W_x \, \mathrm{mean}_n f_{pn} + b_x), \qquad
        f_{pn} = [v_p / \|v_p\|;\; e_n / \|e_n\|;\; O_p]

    The mean over the words meets :math:`W_x` once an expression, pixels and places meet
    it once an image. Padded words have no part in the mean.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        out_channels: Channels of X, 500 in the paper; None for as many as the level
            has.

    Deviations: the paper says that its ablations set components of the attention to
    zero, not which; here the term :math:`W_{\hat v} \hat u_{pn}` is gone. The ReLU is
    the released code's.
    """

    def __init__(
        self,
        *,
        in_level: LevelSpec,
        in_text: TextSpec,
        out_channels: int | None = None,
    ) -> None:
        super().__init__(in_level=in_level, in_text=in_text, out_channels=out_channels)
        self.reduce = nn.Linear(self.pair_channels, self.out_channels)
        xavier_init(self.reduce, distribution="uniform")

    def project(self, level: Tensor) -> Tensor:
        """The part of pixels and places.

        Args:
            level: ``(B, C_i, H, W)``.

        Returns:
            ``(B, out_channels, H, W)``.
        """
        return self.image_residual(unit_pixels(level))

    def fuse(
        self, projected: Tensor, text: TextFeatures, image_index: Tensor
    ) -> Tensor:
        """Add the part of the mean word.

        Args:
            projected: ``(B, out_channels, H, W)``.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            ``(N, out_channels, H, W)``.
        """
        return torch.relu(self.residual(projected, unit_words(text), image_index))
