"""Maps of CMSA's attention between pairs of a word and a pixel, and of its ablations.

Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745; word attention as in Fig. 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from mmris.models.fusion_blocks import (
    CrossModalAttentionBlock,
    PixelAttentionBlock,
    SamePixelAttentionBlock,
    SameWordAttentionBlock,
    SentenceAsWordBlock,
    WordAttentionBlock,
    WordPixelAttentionBlock,
)
from mmris.models.fusion_blocks._pair_block import PairAttentionBlock, PairShares

from .map_source import MapSource, Site, as_pairs_of_places, as_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmris.explanation.explanation import ExplanationMap
    from mmris.models import RefSegmentor
    from mmris.structures import TextFeatures

# Which maps say anything: the others are even, or every place looks at itself alone.
_KINDS: dict[type[nn.Module], tuple[str, ...]] = {
    CrossModalAttentionBlock: (
        "word_attention",
        "word_words",
        "word_places",
        "place_words",
        "place_places",
    ),
    WordAttentionBlock: ("word_attention", "word_words"),
    WordPixelAttentionBlock: ("word_attention", "word_places", "place_words"),
    PixelAttentionBlock: ("place_places",),
    SamePixelAttentionBlock: ("word_attention", "word_words", "place_words"),
    SameWordAttentionBlock: ("word_places", "place_places"),
}


class PairAttentionMaps(MapSource):
    """The two factors of the attention: over pixels and over words.

    An attention over pairs is the product of one over pixels and one over words, both
    averaged over the words of the query. ``word_attention`` averages the latter over
    the pixels as well; ``word_places`` and ``word_words`` take each word of the query
    alone and average over its pixels.
    """

    module_class = PairAttentionBlock

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """Those of its class."""
        del model
        for base in type(module).__mro__:
            if base in _KINDS:
                return _KINDS[base]
        return ()

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """Both halves of the block's work."""
        del model
        return [(module, "project"), (module, "fuse")]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps that are wanted."""
        block = cast("PairAttentionBlock", module)
        (level,) = site.record.last(block, "project").arguments
        _, text, image_index = site.record.last(block, "fuse").arguments
        words = self._words(site, text)
        size = (level.shape[2], level.shape[3])
        if site.kinds & {"word_attention", "place_words", "place_places"}:
            shares = block.shares(level, text, image_index)
            yield from self._averaged(shares, words, size, site)
        if site.kinds & {"word_places", "word_words"}:
            yield from self._of_words(block, level, text, image_index, words, site)

    def _averaged(
        self,
        shares: PairShares,
        words: tuple[str, ...],
        size: tuple[int, int],
        site: Site,
    ) -> Iterator[ExplanationMap]:
        to_words = shares.words[0, :, : len(words)]  # (P or 1, T)
        if "word_attention" in site.kinds:
            yield site.make(
                "word_attention",
                to_words.mean(dim=0),
                ["word"],
                words=words,
                sums_over=["word"],
            )
        if "place_words" in site.kinds:
            yield site.make(
                "place_words",
                as_places(to_words.t(), size),
                ["word", "row", "column"],
                words=words,
                sums_over=["word"],
            )
        if "place_places" in site.kinds:
            yield site.make(
                "place_places",
                as_pairs_of_places(shares.pixels[0], size),
                ["query_row", "query_column", "row", "column"],
                sums_over=["row", "column"],
            )

    def _of_words(
        self,
        block: PairAttentionBlock,
        level: Tensor,
        text: TextFeatures,
        image_index: Tensor,
        words: tuple[str, ...],
        site: Site,
    ) -> Iterator[ExplanationMap]:
        places, others = [], []
        for word in range(len(words)):
            alone = torch.zeros_like(text.mask, dtype=level.dtype)
            alone[:, word] = 1
            shares = block.shares(level, text, image_index, query_weights=alone)
            places.append(shares.pixels[0].mean(dim=0))
            others.append(shares.words[0, :, : len(words)].mean(dim=0))
        if "word_words" in site.kinds:
            yield site.make(
                "word_words",
                torch.stack(others),
                ["query_word", "word"],
                words=words,
                sums_over=["word"],
            )
        if "word_places" in site.kinds:
            yield site.make(
                "word_places",
                as_places(torch.stack(places), (level.shape[2], level.shape[3])),
                ["word", "row", "column"],
                words=words,
                sums_over=["row", "column"],
            )

    def _words(self, site: Site, text: TextFeatures) -> tuple[str, ...]:
        parent, _, _ = site.name.rpartition(".")
        if isinstance(site.model.get_submodule(parent), SentenceAsWordBlock):
            return ("the whole sentence",)
        return site.words[: int(text.mask[0].sum())]
