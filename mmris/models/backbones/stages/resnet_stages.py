"""ResNets of mmseg and mmpretrain, with plain or deep stem, dilated or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .backbone_stages import BackboneStages

if TYPE_CHECKING:
    from torch import Tensor


class ResNetStages(BackboneStages):
    """Stem before max-pooling, then the residual layers; outputs as they are."""

    def num_stages(self, backbone: Any) -> int:
        """See :class:`BackboneStages`."""
        return len(backbone.res_layers)

    def out_stages(self, backbone: Any) -> tuple[int, ...]:
        """See :class:`BackboneStages`."""
        return tuple(sorted(set(backbone.out_indices)))

    def stem(self, backbone: Any, images: Tensor) -> Tensor:
        """See :class:`BackboneStages`."""
        maps: Tensor
        if backbone.deep_stem:
            maps = backbone.stem(images)
        else:
            maps = backbone.relu(backbone.norm1(backbone.conv1(images)))
        return maps

    def run(self, backbone: Any, stage: int, maps: Tensor) -> Tensor:
        """See :class:`BackboneStages`."""
        if stage == 0:
            maps = backbone.maxpool(maps)
        result: Tensor = getattr(backbone, backbone.res_layers[stage])(maps)
        return result
