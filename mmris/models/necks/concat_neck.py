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
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec

from .fusion_neck import FusionNeck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.structures import TextFeatures, TextSpec


@MODELS.register_module()
class ConcatNeck(FusionNeck):
    r"""Concatenates visual feature, tiled sentence and coordinates, level by level.

    .. math::
        Y_i = \mathrm{ReLU}(\mathrm{BN}(W_i [V_i; \mathrm{tile}(s); O_i])), \qquad
        F_i = \mathrm{ReLU}(\mathrm{BN}(U_i Y_i))

    The 1x1 kernel is kept in three parts, one for each input, and their answers are
    added: nothing is tiled or concatenated, and the parts of image and coordinates are
    computed once an image. The result is the same.

    Args:
        in_levels: What the backbone gives; from the segmentor.
        in_text: What the text encoder gives; from the segmentor.
        channels: Channels of every fused level.
        in_indices: Which levels of the backbone to use; None for all.

    Deviations: the papers leave open what follows the first 1x1 convolution; batch
    normalisation, ReLU and a second 1x1 convolution do here.
    """

    def __init__(
        self,
        *,
        in_levels: Sequence[LevelSpec],
        in_text: TextSpec,
        channels: int,
        in_indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__(in_levels=in_levels, in_text=in_text, in_indices=in_indices)
        self.channels = channels
        # The normalisation that follows removes any bias.
        self.visual = nn.ModuleList(
            nn.Conv2d(level.channels, channels, kernel_size=1, bias=False)
            for level in self.in_levels
        )
        self.sentence = nn.ModuleList(
            nn.Linear(in_text.sentence_channels, channels, bias=False)
            for _ in self.in_levels
        )
        self.position = nn.ModuleList(
            nn.Conv2d(NUM_COORDINATES, channels, kernel_size=1, bias=False)
            for _ in self.in_levels
        )
        self.norm = nn.ModuleList(nn.BatchNorm2d(channels) for _ in self.in_levels)
        self.mix = nn.ModuleList(
            conv_block(channels, channels, kernel_size=1) for _ in self.in_levels
        )

    @property
    def spec(self) -> FusedSpec:
        """As many levels as are used, all of the same width; the encoder's text."""
        levels = tuple(
            LevelSpec(self.channels, level.stride) for level in self.in_levels
        )
        return FusedSpec(levels, (self.in_text,) * len(levels))

    def project(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The parts of image and coordinates.

        Args:
            levels: ``(B, C_i, H_i, W_i)`` each.

        Returns:
            ``(B, C, H_i, W_i)`` each.
        """
        projected = []
        for visual, position, level in zip(
            self.visual, self.position, levels, strict=True
        ):
            height, width = level.shape[-2:]
            place = coordinate_map(
                height, width, device=level.device, dtype=level.dtype
            )
            projected.append(visual(level) + position(place[None]))
        return tuple(projected)

    def fuse(
        self,
        projected: tuple[Tensor, ...],
        text: TextFeatures,
        image_index: Tensor,
    ) -> FusedFeatures:
        """Add the part of the sentence and mix.

        Args:
            projected: ``(B, C, H_i, W_i)`` each.
            text: N expressions.
            image_index: ``(N,)`` int64.

        Returns:
            ``(N, C, H_i, W_i)`` each.
        """
        maps = []
        for sentence, norm, mix, image in zip(
            self.sentence, self.norm, self.mix, projected, strict=True
        ):
            said = sentence(text.sentence)[:, :, None, None]  # (N, C, 1, 1)
            maps.append(mix(torch.relu(norm(image[image_index] + said))))
        return FusedFeatures(tuple(maps), (text,) * len(maps), image_index)
