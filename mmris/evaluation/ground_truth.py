"""The true masks and sentences of a split, as run lengths and facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmris.datasets.distractors import count_distractors
from mmris.datasets.masks import encode_segmentations

from .breakdowns import SentenceFacts
from .mask_runs import MaskRuns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmris.datasets import BaseRefDataset


@dataclass(frozen=True)
class TrueSentence:
    """A sentence and what it names.

    Attributes:
        sent_id: Its number, another one for each sentence.
        encoding: The true mask as compressed run lengths, ``{"size", "counts"}``.
        runs: The same, to count with.
        position: Place among the sentences of its object, from 0 on.
        num_sentences: Sentences that its object has.
        facts: What groups are made from.
    """

    sent_id: int
    encoding: dict[str, Any]
    runs: MaskRuns
    position: int
    num_sentences: int
    facts: SentenceFacts


@dataclass(frozen=True)
class TrueImage:
    """A picture with all its sentences, in the order of the annotations.

    Attributes:
        index: Its position in the dataset.
        image_id: Its number.
        size: Height and width.
        sentences: At least one.
    """

    index: int
    image_id: int
    size: tuple[int, int]
    sentences: tuple[TrueSentence, ...]


def read_ground_truth(dataset: BaseRefDataset) -> Iterator[TrueImage]:
    """Go through the pictures of a dataset, without loading any.

    Args:
        dataset: In test mode or not: all sentences of each picture are given.
    """
    for index in range(dataset.num_images):
        record = dataset.record(index)
        size = int(record["height"]), int(record["width"])
        distractors = count_distractors(record)
        sentences: list[TrueSentence] = []
        for reference, others in zip(record["references"], distractors, strict=True):
            # Decoded once an object, however many sentences it has.
            encoding = encode_segmentations(reference["segmentations"], *size)
            runs = MaskRuns.from_counts(encoding["counts"], size)
            texts = reference["sentences"]
            sentences.extend(
                TrueSentence(
                    sent_id=entry["sent_id"],
                    encoding=encoding,
                    runs=runs,
                    position=position,
                    num_sentences=len(texts),
                    facts=SentenceFacts(
                        text=entry["text"],
                        kind=entry["kind"],
                        category_id=reference["category_id"],
                        num_distractors=others,
                        area=runs.area,
                        image_area=size[0] * size[1],
                        num_targets=len(reference["ann_ids"]),
                    ),
                )
                for position, entry in enumerate(texts)
            )
        yield TrueImage(index, record["image_id"], size, tuple(sentences))
