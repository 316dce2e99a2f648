"""The plainest mask decoder: some 3x3 convolutions and one logit."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

from mmris.models.layers import conv_block
from mmris.registry import MODELS

from .level_parts import MaskDecoder

if TYPE_CHECKING:
    from torch import Tensor


@MODELS.register_module()
class ConvMaskDecoder(MaskDecoder):
    """3x3 convolutions, then a 1x1 convolution to one logit, at the size of the map.

    Args:
        in_channels: Channels of the map; from the head.
        channels: Channels of the 3x3 convolutions.
        num_convs: Number of the 3x3 convolutions.

    No paper.
    """

    def __init__(self, *, in_channels: int, channels: int, num_convs: int) -> None:
        super().__init__(in_channels=in_channels)
        widths = [in_channels] + [channels] * num_convs
        self.convs = nn.Sequential(
            *(
                conv_block(before, after, kernel_size=3)
                for before, after in pairwise(widths)
            )
        )
        self.score = nn.Conv2d(widths[-1], 1, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """Decode.

        Args:
            features: ``(N, in_channels, H, W)``.

        Returns:
            Logits ``(N, 1, H, W)``.
        """
        logits: Tensor = self.score(self.convs(features))
        return logits
