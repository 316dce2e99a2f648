"""Scores predictions that were stored, without a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .breakdowns import SentenceFacts, group_rows
from .mask_counts import MaskCounts
from .overlap_scores import mean_iou, overall_iou
from .scored_image import ScoredImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from .ground_truth import TrueImage, TrueSentence
    from .mask_runs import MaskRuns
    from .network_frame import NetworkFrame
    from .prediction_file import Predictions
    from .protocols import Protocol


@dataclass(frozen=True)
class ScoreTable:
    """Counts of the sentences that a protocol takes, one row a sentence.

    Attributes:
        protocol: Whose rules.
        counts: N counts.
        image: ``(N,)`` int64, the position in the dataset of each sentence's picture.
        sent_ids: N numbers.
        facts: N, for groups.
    """

    protocol: Protocol
    counts: MaskCounts
    image: np.ndarray
    sent_ids: tuple[int, ...]
    facts: tuple[SentenceFacts, ...]

    @property
    def targeted(self) -> np.ndarray:
        """``(N,)`` bool, whether a sentence has a target."""
        return np.asarray([entry.area > 0 for entry in self.facts], dtype=bool)

    @property
    def iou(self) -> np.ndarray:
        """``(N,)`` I / U."""
        return self.counts.iou(self.protocol.empty_iou(self.targeted))

    def rows(self, which: np.ndarray) -> ScoreTable:
        """Some of the sentences.

        Args:
            which: Their indices.
        """
        return ScoreTable(
            self.protocol,
            self.counts.rows(which),
            self.image[which],
            tuple(self.sent_ids[k] for k in which),
            tuple(self.facts[k] for k in which),
        )

    def scores(self) -> dict[str, float]:
        """Scores in percent."""
        return self.protocol.scores(self.counts, self.targeted)

    def broken_down(self, names: Iterable[str]) -> dict[str, dict[str, float]]:
        """Scores of groups.

        Args:
            names: Keys of ``BREAKDOWNS``.

        Returns:
            For each group ``sentences``, its size, ``oIoU`` and ``mIoU`` in percent.
        """
        table = {}
        empty = self.protocol.empty_iou(self.targeted)
        for label, rows in group_rows(names, self.facts).items():
            part = self.counts.rows(rows)
            table[label] = {
                "sentences": len(rows),
                "oIoU": overall_iou(part),
                "mIoU": mean_iou(part, empty=empty[rows]),
            }
        return table


def score_predictions(
    predictions: Predictions,
    truth: Iterable[TrueImage],
    protocols: Sequence[Protocol],
    *,
    partial: bool = False,
) -> dict[str, ScoreTable]:
    """Compare stored predictions with the truth, image by image.

    Args:
        predictions: The file's content.
        truth: The pictures of the split.
        protocols: Whose rules.
        partial: Leave out sentences without a mask rather than refuse.

    Returns:
        Tables by name of the protocol.

    Raises:
        ValueError: Predictions and truth are not of the same sentences or sizes.
    """
    parts: dict[str, list[MaskCounts]] = {entry.name: [] for entry in protocols}
    rows: dict[str, list[tuple[int, TrueSentence]]] = {
        entry.name: [] for entry in protocols
    }
    for index, image in match_predictions(predictions, truth, partial=partial):
        for protocol in protocols:
            chosen = protocol.chosen(image.truth)
            if not chosen.any():
                continue
            counts = protocol.rule.count(image)
            parts[protocol.name].append(counts.rows(chosen))
            rows[protocol.name].extend(
                (index, entry)
                for entry, kept in zip(image.truth, chosen, strict=True)
                if kept
            )
    return {
        protocol.name: _table(protocol, parts[protocol.name], rows[protocol.name])
        for protocol in protocols
    }


def match_predictions(
    predictions: Predictions, truth: Iterable[TrueImage], *, partial: bool = False
) -> Iterator[tuple[int, ScoredImage]]:
    """Go through the pictures with what was predicted for them.

    Args:
        predictions: The file's content.
        truth: The pictures of the split.
        partial: Leave out sentences without a mask rather than refuse.

    Yields:
        The position in the dataset of a picture, and its truth and predictions.

    Raises:
        ValueError: Predictions and truth are not of the same sentences or sizes.
    """
    known: set[int] = set()
    missing: list[int] = []
    for image in truth:
        pairs = []
        for sentence in image.sentences:
            place = predictions.place.get(sentence.sent_id)
            if place is None:
                missing.append(sentence.sent_id)
            else:
                known.add(sentence.sent_id)
                pairs.append((sentence, place))
        if pairs:
            yield image.index, _scored(predictions, image, pairs)
    if missing and not partial:
        raise ValueError(
            f"{predictions.path} has no mask for {len(missing)} of "
            f"{len(missing) + len(known)} sentences, the first of them sent_id "
            f"{missing[0]}. Check that predictions and annotations are of one split; "
            "--partial scores those that are there"
        )
    unknown = [number for number in predictions.place if number not in known]
    if unknown:
        raise ValueError(
            f"{predictions.path} has masks for {len(unknown)} sentences that the "
            f"annotations do not have, the first of them sent_id {unknown[0]}. Check "
            "that both are of one dataset, partition and split"
        )


def _scored(
    predictions: Predictions,
    image: TrueImage,
    pairs: list[tuple[TrueSentence, tuple[int, int]]],
) -> ScoredImage:
    masks: list[MaskRuns] = []
    for sentence, (where, row) in pairs:
        mask = predictions.images[where].masks[row]
        if mask.size != image.size:
            raise ValueError(
                f"{predictions.path}, sent_id {sentence.sent_id}: the mask is of size "
                f"(height, width) {mask.size}, the picture {image.image_id} of size "
                f"{image.size}. Store masks at the original size of the picture"
            )
        masks.append(mask)
    sentences = tuple(sentence for sentence, _ in pairs)
    logits, frame = _soft_scores(predictions, [place for _, place in pairs])
    return ScoredImage(image.size, sentences, tuple(masks), logits, frame)


def _soft_scores(
    predictions: Predictions, places: list[tuple[int, int]]
) -> tuple[Tensor | None, NetworkFrame | None]:
    """The maps of a picture's sentences and their frame, or neither."""
    entries = {where for where, _ in places}
    sources = [predictions.images[where] for where in entries]
    if any(source.soft_file is None for source in sources):
        return None, None
    if len(sources) > 1:
        raise ValueError(
            f"{predictions.path} has the sentences of a picture in {len(sources)} "
            f"entries, among them sent_id {sources[0].sent_ids[0]} and "
            f"{sources[1].sent_ids[0]}: with soft scores a picture is one entry. Write "
            "the predictions again with tools/test.py --out FILE --soft-scores"
        )
    logits = sources[0].logits()
    rows = [row for _, row in places]
    return (None if logits is None else logits[rows]), sources[0].frame


def _table(
    protocol: Protocol, parts: list[MaskCounts], rows: list[tuple[int, TrueSentence]]
) -> ScoreTable:
    if not parts:
        raise ValueError(
            f"protocol {protocol.name} takes none of the sentences that have a mask"
        )
    return ScoreTable(
        protocol,
        MaskCounts.concatenate(parts),
        np.asarray([index for index, _ in rows], dtype=np.int64),
        tuple(entry.sent_id for _, entry in rows),
        tuple(entry.facts for _, entry in rows),
    )
