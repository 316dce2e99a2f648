"""Pyramid pooling: what regions of several sizes show, beside each position.

Papers: Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017,
https://arxiv.org/abs/1612.01105, Sec. 3.2; with CMSA's levels: Ye et al., "Cross-Modal
Self-Attention Network for Referring Image Segmentation", CVPR 2019,
https://arxiv.org/abs/1904.04745, Table 3, "CMSA+PPM".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmengine.model import xavier_init
from mmseg.models.decode_heads.psp_head import PPM
from torch import nn

from mmris.models.layers import resize_to
from mmris.registry import MODELS

from .level_parts import LevelAggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec


@MODELS.register_module()
class PyramidPoolingAggregation(LevelAggregation):
    """Concatenates the levels at the finest size, pools them to pyramids, and mixes.

    For each scale s the map is averaged over s x s regions, goes through a 1x1
    convolution and ReLU and is resized back; map and pyramid are mixed by a 3x3
    convolution and ReLU.

    Args:
        in_features: What comes in; from the head.
        channels: Channels of the map.
        pyramid_channels: Channels of each scale; a quarter of the map's in Zhao et al.
        scales: Regions along each axis.

    Deviations: CMSA's paper names the module and gives nothing of it: where it stands
    and its width are a choice, the scales are Zhao et al.'s. Nothing is normalised, as
    nowhere in CMSA's head: batch normalisation, which Zhao et al. use, has no
    statistics for a map of one region in a batch of one expression, CMSA's own.
    """

    def __init__(
        self,
        *,
        in_features: FusedSpec,
        channels: int,
        pyramid_channels: int,
        scales: Sequence[int] = (1, 2, 3, 6),
    ) -> None:
        super().__init__(in_features=in_features)
        self.channels = channels
        together = sum(in_features.channels)
        self.pyramid = PPM(
            tuple(scales),
            together,
            pyramid_channels,
            conv_cfg=None,
            norm_cfg=None,
            act_cfg={"type": "ReLU"},
            align_corners=False,
        )
        self.mix = nn.Conv2d(
            together + len(scales) * pyramid_channels,
            channels,
            kernel_size=3,
            padding=1,
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                xavier_init(module, distribution="uniform")

    @property
    def out_channels(self) -> int:
        """Channels of the map."""
        return self.channels

    def forward(self, fused: FusedFeatures) -> Tensor:
        """Aggregate.

        Args:
            fused: Levels of N expressions, finest first.

        Returns:
            ``(N, channels, H_0, W_0)``, at the size of the finest level.
        """
        size = fused.maps[0].shape[-2:]
        levels = [resize_to(level, size) for level in fused.expanded()]
        joint = torch.cat(levels, dim=1)
        return torch.relu(self.mix(torch.cat([joint, *self.pyramid(joint)], dim=1)))
