"""The largest of all levels, position by position."""

import torch

from mmris.models import LevelAggregation
from mmris.models.layers import resize_to
from mmris.registry import MODELS


@MODELS.register_module()
class MaxAggregation(LevelAggregation):
    def __init__(self, *, in_features):
        super().__init__(in_features=in_features)
        channels = in_features.channels
        if len(set(channels)) > 1:
            raise ValueError(
                f"model.decode_head.aggregation MaxAggregation needs levels of one "
                f"width, but model.neck gives {channels}. Choose another neck"
            )

    @property
    def out_channels(self):
        return self.in_features.channels[0]

    def forward(self, fused):
        size = fused[0].shape[-2:]
        levels = [resize_to(level, size) for level in fused.expanded()]
        return torch.stack(levels).amax(dim=0)  # (N, C, H, W)
