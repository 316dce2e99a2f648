"""Transposed convolutions that each double the map, down to the pixels.

Papers: Noh et al., "Learning Deconvolution Network for Semantic Segmentation", ICCV
2015, https://arxiv.org/abs/1505.04366, Sec. 3; with CMSA's levels: Ye et al.,
"Cross-Modal Self-Attention Network for Referring Image Segmentation", CVPR 2019,
https://arxiv.org/abs/1904.04745, Table 3, "CMSA+Deconv".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mmris.registry import MODELS

from .level_parts import MaskDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@MODELS.register_module()
class DeconvMaskDecoder(MaskDecoder):
    """Transposed convolutions with batch normalisation and ReLU, then the logits.

    Each has a 4x4 kernel and a stride of 2: every output position is reached by as many
    taps as any other, so that no checkerboard is built in. A 1x1 convolution makes the
    logits.

    Args:
        in_channels: Channels of the map; from the head.
        channels: Channels after each transposed convolution; three of them bring a map
            of stride 8 to the size of the input.

    Raises:
        ValueError: ``channels`` is empty.

    Deviations: CMSA's paper names the module and gives nothing of it. That it stands
    after the sum of the levels, its kernel and its widths are a choice, the
    normalisation is Noh et al.'s. Their unpooling is not there, for there is no pooling
    that it could undo.
    """

    def __init__(self, *, in_channels: int, channels: Sequence[int]) -> None:
        super().__init__(in_channels=in_channels)
        if not channels:
            raise ValueError(
                "model.decode_head.mask_decoder DeconvMaskDecoder has no channels; "
                "give one number for each transposed convolution, such as "
                "(256, 128, 64)"
            )
        blocks: list[nn.Module] = []
        before = in_channels
        for after in channels:
            blocks += [
                # The normalisation that follows removes any bias.
                nn.ConvTranspose2d(
                    before, after, kernel_size=4, stride=2, padding=1, bias=False
                ),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
            before = after
        self.enlarge = nn.Sequential(*blocks)
        self.score = nn.Conv2d(before, 1, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """Decode.

        Args:
            features: ``(N, in_channels, H, W)``.

        Returns:
            Logits ``(N, 1, 2^n H, 2^n W)`` for n transposed convolutions.
        """
        logits: Tensor = self.score(self.enlarge(features))
        return logits
