"""ConvNeXt of mmpretrain, versions 1 and 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .backbone_stages import BackboneStages

if TYPE_CHECKING:
    from torch import Tensor


class ConvNeXtStages(BackboneStages):
    """Patches, then downsampling and blocks; each output has a norm of its own."""

    def num_stages(self, backbone: Any) -> int:
        """See :class:`BackboneStages`."""
        return len(backbone.stages)

    def out_stages(self, backbone: Any) -> tuple[int, ...]:
        """See :class:`BackboneStages`."""
        return tuple(sorted(set(backbone.out_indices)))

    def stem(self, backbone: Any, images: Tensor) -> Tensor:
        """See :class:`BackboneStages`."""
        maps: Tensor = backbone.downsample_layers[0](images)
        return maps

    def run(self, backbone: Any, stage: int, maps: Tensor) -> Tensor:
        """See :class:`BackboneStages`."""
        if stage > 0:
            maps = backbone.downsample_layers[stage](maps)
        result: Tensor = backbone.stages[stage](maps)
        return result

    def output(self, backbone: Any, stage: int, maps: Tensor) -> Tensor:
        """See :class:`BackboneStages`."""
        level: Tensor = getattr(backbone, f"norm{stage}")(maps)
        return level
