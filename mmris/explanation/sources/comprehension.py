"""Maps of CMPC: the types of words, and the affinity of words and places.

Paper: Huang et al., "Referring Image Segmentation via Cross-Modal Progressive
Comprehension", CVPR 2020, https://arxiv.org/abs/2010.00514; affinity as in Fig. 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmris.models.necks.progressive_comprehension.comprehension_level import (
    ComprehensionLevel,
)
from mmris.models.necks.progressive_comprehension.relation_reasoning import (
    RelationReasoning,
)
from mmris.models.necks.progressive_comprehension.word_types import (
    WORD_TYPES,
    WordTypeClassifier,
)

from .map_source import MapSource, Site, as_pairs_of_places, as_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from mmris.explanation.explanation import ExplanationMap
    from mmris.models import RefSegmentor


class WordTypeMaps(MapSource):
    """The probabilities that the classifier gives each word."""

    module_class = WordTypeClassifier

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """One."""
        del model, module
        return ("word_types",)

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """The one that makes them."""
        del model
        return [(module, "shares")]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The probabilities."""
        shares = site.record.last(module, "shares").result[0]  # (T, 4)
        yield site.make(
            "word_types",
            shares[: len(site.words)],
            ["word", "item"],
            items=WORD_TYPES,
            sums_over=["item"],
        )


class RelationMaps(MapSource):
    """The two softmaxes of the affinity, and the graph that is their product."""

    module_class = RelationReasoning

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """Words and places, both ways, and places among each other."""
        del model, module
        return ("word_places", "place_words", "place_places")

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """The level's, for its size, and the one that makes the softmaxes."""
        return [(_level_of(model, module), "forward"), (module, "shares")]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps that are wanted."""
        level = _level_of(site.model, module)
        fused = site.record.last(level, "forward").result
        size = (fused.shape[2], fused.shape[3])
        both = site.record.last(module, "shares").result
        of_words, of_places = (shares[0, : len(site.words)] for shares in both)
        if "word_places" in site.kinds:
            yield site.make(
                "word_places",
                as_places(of_places, size),
                ["word", "row", "column"],
                sums_over=["row", "column"],
            )
        if "place_words" in site.kinds:
            yield site.make(
                "place_words",
                as_places(of_words, size),
                ["word", "row", "column"],
                sums_over=["word"],
            )
        if "place_places" in site.kinds:
            graph = of_words.t() @ of_places  # A, (P, P)
            yield site.make(
                "place_places",
                as_pairs_of_places(graph, size),
                ["query_row", "query_column", "row", "column"],
                sums_over=["row", "column"],
                note="by way of the words",
            )


def _level_of(model: RefSegmentor, module: nn.Module) -> nn.Module:
    levels = (m for m in model.modules() if isinstance(m, ComprehensionLevel))
    return next(level for level in levels if level.reasoning is module)
