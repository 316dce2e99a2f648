"""Top-down aggregation in the manner of feature pyramid networks.

Paper: Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017,
https://arxiv.org/abs/1612.03144, Sec. 3; the sum over levels at the finest size follows
Kirillov et al., "Panoptic Feature Pyramid Networks", CVPR 2019, Sec. 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mmris.models.layers import conv_block, resize_to
from mmris.registry import MODELS

from .level_parts import LevelAggregation

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec


@MODELS.register_module()
class FPNAggregation(LevelAggregation):
    """Laterals, a top-down path, and the sum of all levels at the finest size.

    Args:
        in_features: What comes in; from the head.
        channels: Channels of the laterals and of the map.
    """

    def __init__(self, *, in_features: FusedSpec, channels: int) -> None:
        super().__init__(in_features=in_features)
        self.channels = channels
        self.lateral = nn.ModuleList(
            nn.Conv2d(level, channels, kernel_size=1) for level in in_features.channels
        )
        self.smooth = nn.ModuleList(
            conv_block(channels, channels, kernel_size=3) for _ in in_features.levels
        )

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
        size = (fused.maps[0].shape[-2], fused.maps[0].shape[-1])
        above: Tensor | None = None
        total: Tensor | None = None
        for index in reversed(range(len(fused))):
            level = self.lateral[index](fused.maps[index])
            if (
                index in fused.per_image
            ):  # expanded late: the lateral runs once an image
                level = level[fused.image_index]
            if above is not None:
                level = level + resize_to(above, level.shape[-2:])
            above = level
            smooth = resize_to(self.smooth[index](level), size)
            total = smooth if total is None else total + smooth
        if total is None:
            raise ValueError("fused features without levels")
        return total
