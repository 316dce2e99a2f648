"""The plainest mask decoder: some 3x3 convolutions and the logits."""

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
    """3x3 convolutions, then a 1x1 convolution to the logits of each position.

    With an ``upscale`` of r each position gives r x r logits, which are laid out as the
    pixels it covers: Shi et al., "Real-Time Single Image and Video Super-Resolution
    Using an Efficient Sub-Pixel Convolutional Neural Network", CVPR 2016, Sec. 3.2. A
    contour finer than the map then costs a few channels, not a larger map.

    Args:
        in_channels: Channels of the map; from the head.
        channels: Channels of the 3x3 convolutions.
        num_convs: Number of the 3x3 convolutions.
        upscale: Logits a position, along each axis.
    """

    def __init__(
        self, *, in_channels: int, channels: int, num_convs: int, upscale: int = 1
    ) -> None:
        super().__init__(in_channels=in_channels)
        widths = [in_channels] + [channels] * num_convs
        self.convs = nn.Sequential(
            *(
                conv_block(before, after, kernel_size=3)
                for before, after in pairwise(widths)
            )
        )
        self.score = nn.Conv2d(widths[-1], upscale**2, kernel_size=1)
        self.layout = nn.PixelShuffle(upscale)

    def forward(self, features: Tensor) -> Tensor:
        """Decode.

        Args:
            features: ``(N, in_channels, H, W)``.

        Returns:
            Logits ``(N, 1, upscale * H, upscale * W)``.
        """
        logits: Tensor = self.layout(self.score(self.convs(features)))
        return logits
