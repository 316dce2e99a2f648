"""Groups of sentences that scores are broken down by.

A breakdown is a function from what is known of a sentence to the name of its group. The
groups of a score become keys such as ``mIoU_words_1-2``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .location_words import names_a_location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True)
class SentenceFacts:
    """What groups are made from.

    Attributes:
        text: The sentence.
        kind: The dataset's own group, ``""`` for none.
        category_id: Of the object; -1 where there is none, or several objects have none
            in common.
        num_distractors: Other objects of that category in the picture; -1 if unknown.
        area: Pixels of the true mask at the original size.
        image_area: Pixels of the picture.
        num_targets: Objects that the sentence names; 0 for nothing in the picture.
    """

    text: str
    kind: str
    category_id: int
    num_distractors: int
    area: int
    image_area: int
    num_targets: int


Breakdown: TypeAlias = "Callable[[SentenceFacts], str]"

# Upper ends of the bins of words, from CEFNet: Feng et al., "Encoder Fusion Network
# with Co-Attention Embedding for Referring Image Segmentation", CVPR 2021,
# https://arxiv.org/abs/2105.01839, Table 2. The paper's last bins end at 20 words, to
# which it cuts longer sentences: here they have no end.
_REFCOCO_WORDS = (2, 3, 5)
_REFCOCOG_WORDS = (5, 7, 10)
_REFERIT_WORDS = (1, 2, 4)
# COCO's own limits: https://cocodataset.org/#detection-eval. Theirs are of the
# annotation's area, which polygons give to fractions; these are of the mask's pixels.
_SMALL, _MEDIUM = 32**2, 96**2
_SHARES = (0.01, 0.05, 0.2)


def count_words(text: str) -> int:
    """Words of a sentence: what blanks separate, as long as it has a letter or digit.

    Args:
        text: The sentence.
    """
    return sum(any(sign.isalnum() for sign in word) for word in text.split())


def _bin(value: int, ends: Sequence[int], name: str, first: int) -> str:
    """The bin of a number: ``ends`` are the last numbers of all bins but one."""
    start = first
    for end in ends:
        if value <= end:
            return f"{name}_{start}" if start == end else f"{name}_{start}-{end}"
        start = end + 1
    return f"{name}_{start}+"


def words_refcoco(facts: SentenceFacts) -> str:
    """Number of words in the bins that CEFNet has for RefCOCO and RefCOCO+."""
    return _bin(count_words(facts.text), _REFCOCO_WORDS, "words", 1)


def words_refcocog(facts: SentenceFacts) -> str:
    """Number of words in the bins that CEFNet has for RefCOCOg."""
    return _bin(count_words(facts.text), _REFCOCOG_WORDS, "words", 1)


def words_referit(facts: SentenceFacts) -> str:
    """Number of words in the bins that CEFNet has for ReferIt."""
    return _bin(count_words(facts.text), _REFERIT_WORDS, "words", 1)


def kind(facts: SentenceFacts) -> str:
    """The dataset's own groups, where it has any."""
    return facts.kind


def size(facts: SentenceFacts) -> str:
    """COCO's small (below 32x32 pixels), medium and large (above 96x96) objects."""
    if facts.area == 0:
        return "size_none"
    if facts.area < _SMALL:
        return "size_small"
    return "size_medium" if facts.area <= _MEDIUM else "size_large"


def share(facts: SentenceFacts) -> str:
    """Share of the picture that the object covers: limits at 1, 5 and 20 percent.

    Unlike COCO's sizes these do not change when a picture is resized. The limits are
    mmris's own.
    """
    if facts.area == 0:
        return "share_none"
    percent = facts.area / facts.image_area
    names = ("share_0-1", "share_1-5", "share_5-20", "share_20-100")
    return names[sum(percent >= limit for limit in _SHARES)]


def category(facts: SentenceFacts) -> str:
    """The category of the object, by its number."""
    if facts.num_targets == 0:
        return "category_none"
    if facts.category_id == -1:
        return "category_several"
    return f"category_{facts.category_id}"


def location(facts: SentenceFacts) -> str:
    """Whether the sentence has a word of place, see :func:`names_a_location`."""
    return "location_words" if names_a_location(facts.text) else "no_location_words"


def distractors(facts: SentenceFacts) -> str:
    """Number of other objects of the same category in the picture."""
    if facts.num_distractors < 0:
        return "distractors_unknown"
    return _bin(facts.num_distractors, (0, 1, 3), "distractors", 0)


def targets(facts: SentenceFacts) -> str:
    """Whether a sentence names nothing in the picture, one object or several."""
    names = ("targets_none", "targets_1", "targets_several")
    return names[min(facts.num_targets, 2)]


BREAKDOWNS: dict[str, Breakdown] = {
    "category": category,
    "distractors": distractors,
    "kind": kind,
    "location": location,
    "share": share,
    "size": size,
    "targets": targets,
    "words_refcoco": words_refcoco,
    "words_refcocog": words_refcocog,
    "words_referit": words_referit,
}


def check_breakdowns(names: Iterable[str], key: str) -> None:
    """Refuse names that are no breakdowns.

    Args:
        names: Keys of ``BREAKDOWNS``.
        key: The config key or option, for the message.

    Raises:
        ValueError: A name is unknown; the message lists those that exist.
    """
    unknown = sorted(set(names) - BREAKDOWNS.keys())
    if unknown:
        raise ValueError(
            f"{key} has {unknown[0]!r}; choose from {', '.join(sorted(BREAKDOWNS))}, "
            "or add a function to mmris.evaluation.breakdowns.BREAKDOWNS"
        )


def group_rows(
    names: Iterable[str], facts: Sequence[SentenceFacts]
) -> dict[str, np.ndarray]:
    """Find the rows of each group.

    Args:
        names: Keys of ``BREAKDOWNS``.
        facts: N sentences.

    Returns:
        Indices of rows by name of the group, bins in their order. Sentences whose group
        is ``""`` are in none.
    """
    groups: dict[str, np.ndarray] = {}
    for name in names:
        labels = np.asarray([BREAKDOWNS[name](entry) for entry in facts])
        for label in sorted(set(labels.tolist()) - {""}, key=_natural):
            groups[label] = np.flatnonzero(labels == label)
    return groups


# These are in an order that their names are not.
_ORDER = ("size_none", "size_small", "size_medium", "size_large", "targets_none")
_RANKS = {label: rank for rank, label in enumerate(_ORDER)}


def _natural(label: str) -> tuple[float, list[tuple[int, int | str]]]:
    """A key that sorts numbers within names by their value."""
    parts = re.split(r"(\d+)", label)
    key = [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
    return _RANKS.get(label, math.inf), key
