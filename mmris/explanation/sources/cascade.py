"""Maps of JMCELN's cascade: its masks stage by stage, and what its embeddings look at.

Paper: Huang and Satoh, "Referring Image Segmentation via Joint Mask Contextual
Embedding Learning and Progressive Alignment Network", EMNLP 2023,
https://aclanthology.org/2023.emnlp-main.481/, Eqs. (3)-(4).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

import torch

from mmris.models.decode_heads import (
    ContextualEmbeddingCascade,
    LongShortRangeAttention,
    MultiLevelDecodeHead,
)

from .map_source import MapSource, Site, as_pairs_of_places, as_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from mmris.explanation.explanation import ExplanationMap
    from mmris.models import RefSegmentor


class CascadeMaps(MapSource):
    """Maps after each stage, and both attentions of each stage.

    The map before the first stage counts as stage 0. ``stage_masks`` shows the map of
    each stage to the head's own mask decoder, which in training only ever sees the last
    one; that of the last stage is the mask that the model gives.
    """

    module_class = ContextualEmbeddingCascade

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """All where there are stages; masks in a head with a mask decoder."""
        if not cast("ContextualEmbeddingCascade", module).stages:
            return ()
        masks = ("stage_masks",) if _decoder(model, module) is not None else ()
        return (*masks, "stage_changes", "embedding_places", "place_embeddings")

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """What each stage begins and ends with, and both attentions."""
        del model
        found: list[tuple[nn.Module, str]] = []
        for stage in _stages(module):
            found += [
                (stage, "align"),
                (stage.gather, "shares"),
                (stage.write, "shares"),
            ]
        return found

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The maps that are wanted."""
        stages = _stages(module)
        calls = [site.record.last(stage, "align") for stage in stages]
        features = [calls[0].arguments[1], *(call.result for call in calls)]
        names = [f"stage {number}" for number in range(len(features))]
        if "stage_masks" in site.kinds:
            decoder = _decoder(site.model, module)
            logits = torch.cat([decoder(entry)[0] for entry in features])
            yield site.make(
                "stage_masks", logits.sigmoid(), ["item", "row", "column"], items=names
            )
        if "stage_changes" in site.kinds:
            changes = [
                torch.linalg.vector_norm(after[0] - before[0], dim=0)
                for before, after in itertools.pairwise(features)
            ]
            yield site.make(
                "stage_changes",
                torch.stack(changes),
                ["item", "row", "column"],
                items=names[1:],
            )
        size = (features[0].shape[2], features[0].shape[3])
        for number, stage in enumerate(stages, start=1):
            yield from self._attentions(stage, f"stage_{number}", size, site)

    def _attentions(
        self, stage: Any, place: str, size: tuple[int, int], site: Site
    ) -> Iterator[ExplanationMap]:
        looks = site.record.last(stage.gather, "shares").result[0]  # (h Q, P)
        taken = site.record.last(stage.write, "shares").result[0]  # (h, Q, P)
        both = {
            "embedding_places": (looks.view(taken.shape), ["row", "column"]),
            "place_embeddings": (taken, ["item"]),
        }
        for kind, (shares, axes) in both.items():
            if kind not in site.kinds:
                continue
            for head, note, own in site.of_heads(shares):
                yield site.make(
                    kind,
                    as_places(own, size),
                    ["item", "row", "column"],
                    place=place + head,
                    items=[str(number + 1) for number in range(len(own))],
                    sums_over=axes,
                    note=note,
                )


class WindowMaps(MapSource):
    """The attention in windows of what makes the first map of the cascade."""

    module_class = LongShortRangeAttention

    def kinds(self, model: RefSegmentor, module: nn.Module) -> tuple[str, ...]:
        """One."""
        del model, module
        return ("window_places",)

    def methods(
        self, model: RefSegmentor, module: nn.Module
    ) -> list[tuple[nn.Module, str]]:
        """The softmax, and the whole, for the size."""
        del model
        window = cast("LongShortRangeAttention", module).window_attention
        return [(window.attention.softmax, "forward"), (window, "forward")]

    def maps(self, module: nn.Module, site: Site) -> Iterator[ExplanationMap]:
        """The map, zero outside of the window of a place."""
        window = cast("LongShortRangeAttention", module).window_attention
        features = site.record.last(window, "forward").result
        size = (features.shape[2], features.shape[3])
        softmax = site.record.last(window.attention.softmax, "forward").result
        by_head = softmax.transpose(0, 1)  # (h, windows, w * w, w * w)
        for head, note, shares in site.of_heads(by_head):
            yield site.make(
                "window_places",
                as_pairs_of_places(_joined(shares, window.windows(*size)), size),
                ["query_row", "query_column", "row", "column"],
                place=site.place + head,
                sums_over=["row", "column"],
                note=note,
            )


def _joined(shares: Tensor, windows: Tensor) -> Tensor:
    """``(P, P)``, zero between windows."""
    places = int(windows.max()) + 1
    joined = shares.new_zeros(places, places)
    for own, positions in zip(shares, windows, strict=True):
        kept = positions >= 0
        rows = positions[kept].to(shares.device)
        joined[rows[:, None], rows] = own[kept][:, kept]
    return joined


def _stages(module: nn.Module) -> list[Any]:
    return list(cast("ContextualEmbeddingCascade", module).stages)


def _decoder(model: RefSegmentor, module: nn.Module) -> Any:
    """The mask decoder that is shown what the cascade makes, if there is one."""
    for head in model.modules():
        if isinstance(head, MultiLevelDecodeHead) and head.aggregation is module:
            return head.mask_decoder
    return None
