"""Plain concatenation: the baseline that every paper of the field starts from.

At each position the visual feature, the sentence and eight coordinates are concatenated
and mixed by a 1x1 convolution, as in Hu et al., "Segmentation from Natural Language
Expressions", ECCV 2016, Sec. 3.3, and in the baselines of CMSA, CMPC and SHNet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mmris.models.layers import NUM_COORDINATES, conv_block, coordinate_map
from mmris.registry import MODELS

from .fusion_block import FusionBlock

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import LevelSpec, TextFeatures, TextSpec


@MODELS.register_module()
class ConcatBlock(FusionBlock):
    r"""Concatenates visual feature, tiled sentence and coordinates.

    .. math::
        Y = \mathrm{ReLU}(\mathrm{BN}(W [V; \mathrm{tile}(\mathrm{norm}(s)); O])),
        \qquad F = \mathrm{ReLU}(\mathrm{BN}(U Y))

    The 1x1 kernel W is kept in three parts, one for each input, and their answers are
    added: nothing is tiled or concatenated, and the parts of image and coordinates are
    computed once an image. The result is the same.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        channels: Channels of Y.
        out_channels: Channels of F; None for as many as the level has.

    Deviations: the papers leave open what follows the first 1x1 convolution; batch
    normalisation, ReLU and a second 1x1 convolution do here. The sentence is brought to
    zero mean and unit variance over its channels (CMPC and CMSA scale theirs to unit
    length): an untrained encoder's is so small beside the visual feature that training
    would take long to notice it.
    """

    def __init__(
        self,
        *,
        in_level: LevelSpec,
        in_text: TextSpec,
        channels: int,
        out_channels: int | None = None,
    ) -> None:
        super().__init__(in_level=in_level, in_text=in_text, out_channels=out_channels)
        # The normalisation that follows removes any bias.
        self.visual = nn.Conv2d(in_level.channels, channels, kernel_size=1, bias=False)
        self.sentence_norm = nn.LayerNorm(
            in_text.sentence_channels, elementwise_affine=False
        )
        self.sentence = nn.Linear(in_text.sentence_channels, channels, bias=False)
        self.position = nn.Conv2d(NUM_COORDINATES, channels, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.mix = conv_block(channels, self.out_channels, kernel_size=1)

    def project(self, level: Tensor) -> Tensor:
        """The parts of image and coordinates.

        Args:
            level: ``(B, C_i, H, W)``.

        Returns:
            ``(B, channels, H, W)``.
        """
        height, width = level.shape[-2:]
        place = coordinate_map(height, width, device=level.device, dtype=level.dtype)
        projected: Tensor = self.visual(level) + self.position(place[None])
        return projected

    def fuse(
        self, projected: Tensor, text: TextFeatures, image_index: Tensor
    ) -> Tensor:
        """Add the part of the sentence and mix.

        Args:
            projected: ``(B, channels, H, W)``.
            text: N expressions.
            image_index: ``(N,)`` int64.

        Returns:
            ``(N, out_channels, H, W)``.
        """
        said = self.sentence(self.sentence_norm(text.sentence))  # (N, channels)
        joint = torch.relu(self.norm(projected[image_index] + said[:, :, None, None]))
        fused: Tensor = self.mix(joint)
        return fused
