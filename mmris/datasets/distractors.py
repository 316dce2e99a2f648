"""How many other objects of the same category a picture shows."""

from __future__ import annotations

from typing import Any

# For references whose objects have no category in common.
UNKNOWN = -1


def count_distractors(record: dict[str, Any]) -> list[int]:
    """Count, for each reference, the other objects of its category in the picture.

    A dataset that knows of objects nobody refers to gives ``num_distractors`` with each
    reference, and that number is taken. Otherwise the objects of the other references
    are all that is known, each counted once.

    Args:
        record: A record of :class:`BaseRefDataset`.

    Returns:
        One number for each reference; -1 where its ``category_id`` is.
    """
    return [_count(record["references"], own) for own in record["references"]]


def _count(references: list[dict[str, Any]], own: dict[str, Any]) -> int:
    if own["category_id"] == UNKNOWN:
        return UNKNOWN
    if "num_distractors" in own:
        return int(own["num_distractors"])
    objects = {
        number
        for entry in references
        if entry["category_id"] == own["category_id"]
        for number in entry["ann_ids"]
    }
    return len(objects - set(own["ann_ids"]))
