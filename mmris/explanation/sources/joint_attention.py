"""Maps of SHNet's synchronous fusion: cells and words that look at each other.

Paper: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Eq. (1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mmris.models.necks import SynchronousFusion

from .map_source import MapSource, Site, as_pairs_of_places, as_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from mmris.explanation.explanation import ExplanationMap
    from mmris.models import RefSegmentor
    from mmris.models.necks._joint_layer import JointLayer

_NOTE = "with what it takes of the other places and words it adds up to 1"


class JointAttentionMaps(MapSource):
    """The four blocks of the attention matrix over cells and words."""

    module_class = SynchronousFusion

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """All four, unless the attention is left out."""
        del model
        if not cast("SynchronousFusion", module).layers:
            return ()
        return ("word_words", "word_places", "place_words", "place_places")

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """What each layer attends with."""
        del model
        return [(layer, "attend") for layer in cast("SynchronousFusion", module).layers]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps that are wanted, of all layers and levels."""
        neck = cast("SynchronousFusion", module)
        layers = cast("list[JointLayer]", list(neck.layers))
        for number, layer in enumerate(layers):
            prepared, mask = site.record.last(layer, "attend").arguments
            for level, own in enumerate(layer.shares(prepared, mask)):  # (h, S, S)
                place = f"level_{level}"
                if len(layers) > 1:
                    place += f"_layer_{number}"
                for head, note, shares in site.of_heads(own):
                    yield from self._blocks(
                        shares, neck.grid_size, place + head, f"{note}; {_NOTE}", site
                    )

    def _blocks(
        self, shares: Tensor, size: tuple[int, int], place: str, note: str, site: Site
    ) -> Iterator[ExplanationMap]:
        cells = size[0] * size[1]
        shares = shares[: cells + len(site.words), : cells + len(site.words)]
        from_cells, from_words = shares[:cells], shares[cells:]
        blocks = {
            "word_words": (from_words[:, cells:], ["query_word", "word"]),
            "word_places": (
                as_places(from_words[:, :cells], size),
                ["word", "row", "column"],
            ),
            "place_words": (
                as_places(from_cells[:, cells:].t(), size),
                ["word", "row", "column"],
            ),
            "place_places": (
                as_pairs_of_places(from_cells[:, :cells], size),
                ["query_row", "query_column", "row", "column"],
            ),
        }
        for kind, (values, axes) in blocks.items():
            if kind in site.kinds:
                yield site.make(kind, values, axes, place=place, note=note)
