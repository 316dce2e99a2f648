"""What a report calls breakdowns, groups and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TITLES = {
    "category": "category of the object",
    "distractors": "other objects of its category",
    "kind": "kind of sentence",
    "location": "words of place",
    "share": "share of the picture",
    "size": "size of the object",
    "targets": "number of objects named",
    "words_refcoco": "number of words",
    "words_refcocog": "number of words",
    "words_referit": "number of words",
}
_GROUPS = {
    "category_none": "no object",
    "category_several": "several",
    "distractors_unknown": "unknown",
    "location_words": "left, top, closest, ...",
    "no_location_words": "none",
    "share_none": "no object",
    "size_none": "no object",
    "targets_none": "nothing in the picture",
}
DEFINITIONS = {
    "oIoU": "all intersections over all unions, in pixels: large objects weigh more",
    "mIoU": "mean over the sentences of intersection over union (IoU)",
    "Prec@X": "share of the sentences with an IoU of at least X",
    "gIoU": "mIoU with sentences without target: 1 where nothing is predicted, else 0",
    "cIoU": "oIoU of such sets",
    "N-acc": "share of the sentences without target for which nothing is predicted",
    "T-acc": "share of the sentences with a target for which something is predicted",
    "targeted Prec@X": "Prec@X of the sentences with a target",
}


def breakdown_title(name: str) -> str:
    """What groups are made by, in words.

    Args:
        name: Key of ``BREAKDOWNS``; one that a user added stays as it is.
    """
    return _TITLES.get(name, name)


def group_label(label: str, breakdown: str, categories: Mapping[int, str]) -> str:
    """What a group is called below the title of its breakdown.

    Args:
        label: Name of the group, such as ``size_small``.
        breakdown: Key of ``BREAKDOWNS``.
        categories: Names of categories by number.
    """
    if label in _GROUPS:
        return _GROUPS[label]
    short = label.removeprefix(f"{breakdown.partition('_')[0]}_")
    if breakdown == "category" and short.isdigit():
        return categories.get(int(short), short)
    return f"{short} %" if breakdown == "share" else short
