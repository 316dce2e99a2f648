"""The sum of all levels.

Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, section "Gated
Multi-Level Fusion".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmris.models.layers import resize_to
from mmris.registry import MODELS

from ._equal_channels import common_channels
from .level_parts import LevelAggregation

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec


@MODELS.register_module()
class SumAggregation(LevelAggregation):
    """Adds all levels at the size of the finest; nothing is learned.

    Args:
        in_features: What comes in, all levels of the same width; from the head.

    Raises:
        ValueError: The widths of the levels differ.

    Deviations: the paper's levels have one size; coarser ones are resized bilinearly.
    """

    def __init__(self, *, in_features: FusedSpec) -> None:
        super().__init__(in_features=in_features)
        self.channels = common_channels(
            in_features, "model.decode_head.aggregation SumAggregation"
        )

    @property
    def out_channels(self) -> int:
        """Channels of the map: those of a level."""
        return self.channels

    def forward(self, fused: FusedFeatures) -> Tensor:
        """Aggregate.

        Args:
            fused: Levels of N expressions, finest first.

        Returns:
            ``(N, C, H_0, W_0)``, at the size of the finest level.
        """
        total = fused[0]
        for index in range(1, len(fused)):
            total = total + resize_to(fused[index], total.shape[-2:])
        return total
