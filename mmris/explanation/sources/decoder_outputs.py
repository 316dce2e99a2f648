"""What heads say of boundary, body and coarser masks, which in testing they do not.

Their outputs for the losses of training, made of what the forward pass computed.
Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Eqs. (9)-(11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mmris.models.decode_heads import (
    BoundaryEnhancementHead,
    MultiLevelDecodeHead,
    TopDownDecodeHead,
)

from .map_source import MapSource, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from mmris.explanation.explanation import ExplanationMap
    from mmris.models import RefSegmentor

_KINDS = {"boundary": "boundary_maps", "body": "body_maps", "mask": "coarse_masks"}


class BoundaryMaps(MapSource):
    """CEFNet's boundaries, bodies and masks, one of each for a step."""

    module_class = BoundaryEnhancementHead

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """Those of its outputs."""
        del model
        names = cast("BoundaryEnhancementHead", module).aux_names
        found = {_KINDS[name.partition("_")[0]] for name in names}
        return tuple(kind for kind in _KINDS.values() if kind in found)

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """The steps."""
        del model
        return [
            (step, "forward") for step in cast("BoundaryEnhancementHead", module).steps
        ]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps that are wanted."""
        head = cast("BoundaryEnhancementHead", module)
        taken = [site.record.last(step, "forward").result for step in head.steps]
        yield from _outputs(head.outputs(taken), head.aux_names, site)


class TopDownMaps(MapSource):
    """The masks of the levels that are not the finest."""

    module_class = TopDownDecodeHead

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """One, where there are three levels or more."""
        del model
        has_some = bool(cast("TopDownDecodeHead", module).aux_names)
        return ("coarse_masks",) if has_some else ()

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """What each level becomes."""
        del model
        return [(merge, "forward") for merge in cast("TopDownDecodeHead", module).merge]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps."""
        head = cast("TopDownDecodeHead", module)
        taken = [site.record.last(merge, "forward").result for merge in head.merge]
        coarser = head.mask_scores.coarser(taken[1:])
        yield from _outputs(coarser, head.aux_names, site)


class LevelMaps(MapSource):
    """The masks that a level decoder makes of the levels, before they are joined."""

    module_class = MultiLevelDecodeHead

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """One, where there is a level decoder."""
        del model
        has_some = bool(cast("MultiLevelDecodeHead", module).aux_names)
        return ("coarse_masks",) if has_some else ()

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """What the head is given."""
        del model
        return [(module, "forward")]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps."""
        head = cast("MultiLevelDecodeHead", module)
        (fused,) = site.record.last(head, "forward").arguments
        made = {
            name: decoder(fused[level])
            for level, (name, decoder) in enumerate(
                zip(head.aux_names, head.level_decoders, strict=True)
            )
        }
        yield from _outputs(made, head.aux_names, site)


def _outputs(
    outputs: dict[str, Tensor], names: tuple[str, ...], site: Site
) -> Iterator[ExplanationMap]:
    """The named outputs as maps of one item each: their sizes differ."""
    for name in names:
        kind = _KINDS.get(name.partition("_")[0], "coarse_masks")
        if kind in site.kinds:
            yield site.make(
                kind,
                outputs[name][0, 0].sigmoid()[None],
                ["item", "row", "column"],
                place=name,
                items=[name.replace("_", " ")],
            )
