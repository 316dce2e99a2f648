"""Pyramid pooling, then convolutions that double the size.

Paper: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Sec. 3.4 ("ASPP"
and "ConvUpsample").
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

from mmris.models.layers import conv_block
from mmris.registry import MODELS

from ._aspp import ASPP
from .level_parts import MaskDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@MODELS.register_module()
class ConvUpsampleMaskDecoder(MaskDecoder):
    """ASPP, a 3x3 convolution before each doubling of the size, and the logits.

    Args:
        in_channels: Channels of the map; from the head.
        channels: Channels of ASPP.
        up_channels: Channels of the convolution before each doubling.
        dilations: Of ASPP's branches; 1 is its 1x1 convolution.
        dropout: Share of channels dropped in training after each convolution.
        aspp_dropout: The same after ASPP.

    Deviations: none from the paper, which names the two parts. Dilations, widths and
    dropout are the released code's. That aligns the corners of the map and of the mask
    in each resizing; here, as everywhere in mmris, the centres of the pixels are where
    they are when a mask is brought back to the size of its photograph.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        up_channels: Sequence[int],
        dilations: Sequence[int] = (1, 6, 12, 24),
        dropout: float = 0.2,
        aspp_dropout: float = 0.25,
    ) -> None:
        super().__init__(in_channels=in_channels)
        self.aspp = ASPP(
            in_channels=in_channels,
            channels=channels,
            dilations=dilations,
            dropout=aspp_dropout,
        )
        widths = [channels, *up_channels]
        self.upsample = nn.Sequential(
            *(
                doubling_block(before, after, dropout=dropout)
                for before, after in pairwise(widths)
            )
        )
        self.score = nn.Conv2d(widths[-1], 1, kernel_size=3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Decode.

        Args:
            features: ``(N, in_channels, H, W)``.

        Returns:
            Logits ``(N, 1, 2^d H, 2^d W)`` after d doublings.
        """
        logits: Tensor = self.score(self.upsample(self.aspp(features)))
        return logits


def doubling_block(in_channels: int, out_channels: int, *, dropout: float) -> nn.Module:
    """A 3x3 convolution block and twice the size.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        dropout: Share of channels dropped in training.

    Returns:
        The block, ``(N, in_channels, H, W)`` to ``(N, out_channels, 2 H, 2 W)``.
    """
    return nn.Sequential(
        conv_block(in_channels, out_channels, kernel_size=3),
        nn.Dropout2d(dropout),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    )
