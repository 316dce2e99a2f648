"""The heavier decoder that SHNet's released code trains.

Paper: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Sec. 3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mmris.models.layers import conv_block
from mmris.registry import MODELS

from ._aspp import ASPP
from .conv_upsample_mask_decoder import doubling_block
from .level_parts import MaskDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@MODELS.register_module()
class DeepUpsampleMaskDecoder(MaskDecoder):
    """ASPP, wide convolutions before and after the doublings, and the logits.

    Most of the multiplications of SHNet as released are here: 27 x 10^9 after ASPP for
    a 20x20 grid and 512 channels, against 1.4 x 10^9 of
    :class:`ConvUpsampleMaskDecoder`, which is what the paper names.

    Args:
        in_channels: Channels of the map; from the head.
        channels: Channels of ASPP and of all convolutions but the last.
        last_channels: Channels before the logits.
        num_doublings: How often the size is doubled.
        dilations: Of ASPP's branches; 1 is its 1x1 convolution.
        dropout: Share of channels dropped in training after each wide convolution.
        aspp_dropout: The same after ASPP.

    Deviations: this is the released code's decoder, not the paper's. It aligns corners
    in each resizing, which mmris does not (see :class:`ConvUpsampleMaskDecoder`).
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        last_channels: int,
        num_doublings: int = 2,
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
        self.upsample = nn.Sequential(
            *(
                doubling_block(channels, channels, dropout=dropout)
                for _ in range(num_doublings)
            )
        )
        self.refine = nn.Sequential(
            conv_block(channels, channels, kernel_size=3),
            nn.Dropout2d(dropout),
            conv_block(channels, last_channels, kernel_size=3),
        )
        self.score = nn.Conv2d(last_channels, 1, kernel_size=3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Decode.

        Args:
            features: ``(N, in_channels, H, W)``.

        Returns:
            Logits ``(N, 1, 2^d H, 2^d W)`` after d doublings.
        """
        doubled = self.upsample(self.aspp(features))
        logits: Tensor = self.score(self.refine(doubled))
        return logits
