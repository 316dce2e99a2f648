"""Reads the channels and strides of stem and stages without running them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mmris.models.backbones.levels import PROBE_SIZE, probe_of
from mmris.structures import LevelSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .backbone_stages import BackboneStages


def read_stage_levels(
    stages: BackboneStages, backbone: nn.Module
) -> tuple[LevelSpec, tuple[LevelSpec, ...]]:
    """Measure stem and stages by a pass of a copy on torch's meta device.

    Args:
        stages: What runs the backbone.
        backbone: The backbone, left as it is.

    Returns:
        The stem's level and the level of every stage, returned by the backbone or not.
    """
    probe = probe_of(backbone)
    with torch.no_grad():
        images = torch.empty(1, 3, PROBE_SIZE, PROBE_SIZE, device="meta")
        maps = stages.stem(probe, images)
        stem = _level(maps)
        levels = []
        for stage in range(stages.num_stages(probe)):
            maps = stages.run(probe, stage, maps)
            levels.append(_level(maps))
    return stem, tuple(levels)


def _level(maps: Tensor) -> LevelSpec:
    return LevelSpec(channels=maps.shape[1], stride=round(PROBE_SIZE / maps.shape[2]))
