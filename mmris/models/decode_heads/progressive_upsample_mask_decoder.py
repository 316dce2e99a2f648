"""Doublings of the size with fewer and fewer channels.

Paper: Huang and Satoh, "Referring Image Segmentation via Joint Mask Contextual
Embedding Learning and Progressive Alignment Network", EMNLP 2023,
https://aclanthology.org/2023.emnlp-main.481/.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

from mmris.models.layers import conv_block
from mmris.registry import MODELS

from .level_parts import MaskDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@MODELS.register_module()
class ProgressiveUpsampleMaskDecoder(MaskDecoder):
    """JMCELN's upsampling: the size is doubled as often as there are widths.

    A 1x1 convolution to the first width, before each further one a doubling and a 3x3
    convolution block, a 1x1 convolution to the logits, and a last doubling.

    Args:
        in_channels: Channels of the map; from the head.
        channels: Widths at the size of the map and after each doubling but the last.

    Raises:
        ValueError: ``channels`` is empty.

    Deviations: the paper says that the size is progressively doubled up to two maps of
    logits; the widths are ours. The two are one here: cross entropy over two logits is
    binary cross entropy on their difference, and the larger one wins where that is
    positive.
    """

    def __init__(
        self, *, in_channels: int, channels: Sequence[int] = (256, 128, 64)
    ) -> None:
        super().__init__(in_channels=in_channels)
        if not channels:
            raise ValueError(
                "model.decode_head.mask_decoder ProgressiveUpsampleMaskDecoder has no "
                "channels; give at least one width"
            )
        self.reduce = nn.Conv2d(in_channels, channels[0], kernel_size=1)
        self.convs = nn.ModuleList(
            conv_block(before, after, kernel_size=3)
            for before, after in pairwise(channels)
        )
        self.score = nn.Conv2d(channels[-1], 1, kernel_size=1)
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    def forward(self, features: Tensor) -> Tensor:
        """Decode.

        Args:
            features: ``(N, in_channels, H, W)``.

        Returns:
            Logits ``(N, 1, 2^d H, 2^d W)`` with d widths.
        """
        features = self.reduce(features)
        for conv in self.convs:
            features = conv(self.enlarge(features))
        logits: Tensor = self.enlarge(self.score(features))
        return logits
