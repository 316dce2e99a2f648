"""CLIP's ResNets, whose last output goes through an attention pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .resnet_stages import ResNetStages

if TYPE_CHECKING:
    from torch import Tensor


class CLIPResNetStages(ResNetStages):
    """A ResNet with a deep stem; the pool belongs to the output of the last stage."""

    def output(self, backbone: Any, stage: int, maps: Tensor) -> Tensor:
        """See :class:`BackboneStages`; the pool may change the channels."""
        is_last = stage + 1 == self.num_stages(backbone)
        if is_last and backbone.attention_pool is not None:
            maps = backbone.attention_pool(maps)
        return maps
