"""Maps of CEFNet's co-attention, and of the language that each place looks up.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Eqs. (2)-(8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from mmris.models.fusion_blocks import AsymmetricCoAttention, VanillaCoAttention
from mmris.models.fusion_blocks.co_attention.asymmetric_co_attention import (
    pyramid_means,
)
from mmris.models.fusion_blocks.co_attention.position_specific_language import (
    PositionSpecificLanguage,
)

from .map_source import MapSource, Site, as_pairs_of_places, as_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from mmris.explanation.explanation import ExplanationMap
    from mmris.models import RefSegmentor

_PLACES = ["query_row", "query_column", "row", "column"]


class LanguageMaps(MapSource):
    """How much each place takes of each word."""

    module_class = PositionSpecificLanguage

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """One, and its mean."""
        del model, module
        return ("word_attention", "place_words")

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """The one that makes the weights, and the whole, for the size."""
        del model
        return [(module, "shares"), (module, "forward")]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps that are wanted."""
        shares = site.record.last(module, "shares").result[0, : len(site.words)]
        language = site.record.last(module, "forward").result
        if "word_attention" in site.kinds:
            yield site.make(
                "word_attention", shares.mean(dim=1), ["word"], sums_over=["word"]
            )
        if "place_words" in site.kinds:
            yield site.make(
                "place_words",
                as_places(shares, (language.shape[2], language.shape[3])),
                ["word", "row", "column"],
                sums_over=["word"],
            )


class VanillaCoAttentionMaps(MapSource):
    """Both directions of the attention between all places."""

    module_class = VanillaCoAttention

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """One for each of the two maps that are summed."""
        del model, module
        return ("multimodal_places", "language_places")

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """What it attends with."""
        del model
        return [(module, "forward")]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps that are wanted."""
        block = cast("VanillaCoAttention", module)
        multimodal, language = site.record.last(block, "forward").arguments
        size = (language.shape[2], language.shape[3])
        both = block.shares(multimodal, language)
        for kind, shares in zip(
            ("multimodal_places", "language_places"), both, strict=True
        ):
            if kind in site.kinds:
                yield site.make(
                    kind,
                    as_pairs_of_places(shares[0], size),
                    _PLACES,
                    sums_over=["row", "column"],
                )


class AsymmetricCoAttentionMaps(MapSource):
    """The attention to the cells of a pyramid, spread over the places of each cell."""

    module_class = AsymmetricCoAttention

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """One: both maps are summed with the same weights."""
        del model, module
        return ("place_places",)

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """The one that makes the weights, and the whole, for the size."""
        del model
        return [(module, "shares"), (module, "forward")]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The map."""
        block = cast("AsymmetricCoAttention", module)
        language = site.record.last(block, "forward").result
        size = (language.shape[2], language.shape[3])
        shares = site.record.last(block, "shares").result[0]  # (S, P)
        each = torch.eye(size[0] * size[1]).to(shares)
        # What a mean over a cell is made of.
        cells = pyramid_means(as_places(each, size)[None], block.pool_sizes)[0]
        yield site.make(
            "place_places",
            as_pairs_of_places((cells @ shares).t(), size),
            _PLACES,
            sums_over=["row", "column"],
            note="it looks at the cells of a pyramid, and all places of a cell count "
            "the same",
        )
