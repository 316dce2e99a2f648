"""Counts of each split, and whether they are those that were published."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from mmris.datasets.published_counts import PUBLISHED_COUNTS, WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmris.datasets.published_counts import PublishedCount

    from .content import Content, Reference
    from .findings import Findings

NUMBERS = ("images", "references", "sentences")
# These divide objects and not pictures, as published.
OBJECT_PARTITIONS = {("refcoco", "google"), ("refcocog", "google")}
# A set of so different a size is no damaged copy but something else.
LEAST_SHARE, MOST_SHARE = 0.5, 2.0


@dataclass(frozen=True)
class SplitCount:
    """What a split holds, and what was published.

    Args:
        split: Its name, :data:`WHOLE` for the whole partition.
        found: Number of images, references and sentences.
        published: The same as published, as far as it was.
    """

    split: str
    found: dict[str, int]
    published: dict[str, int]

    def differences(self) -> list[str]:
        """Clauses such as "3,810 references instead of 3,811"."""
        return [
            f"{self.found[name]:,} {name} instead of {number:,}"
            for name, number in self.published.items()
            if self.found[name] != number
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"split": self.split, **self.found, "published": self.published}


def count_splits(content: Content) -> list[SplitCount]:
    """Count the splits of a partition, those published and missing as well.

    References without sentences are not counted.

    Args:
        content: The partition.
    """
    published = {
        row.split: _numbers(row)
        for row in PUBLISHED_COUNTS
        if (row.dataset, row.partition) == (content.dataset, content.partition)
    }
    present = dict.fromkeys(reference.split for reference in content.references)
    names = [*dict.fromkeys([*published, *present])]
    return [
        SplitCount(
            name,
            _count(r for r in content.references if name in (WHOLE, r.split)),
            published.get(name, {}),
        )
        for name in names
    ]


def check_counts(
    content: Content, counts: list[SplitCount], findings: Findings, *, strict: bool
) -> None:
    """Compare counts with the published ones.

    A partition of which no split is as published, and that is much smaller or larger,
    is other data under the same name: a warning, unless ``strict``.

    Args:
        content: The partition.
        counts: Its splits.
        findings: Takes what differs.
        strict: Whether the published data are expected.
    """
    known = [count for count in counts if count.published]
    if not known:
        findings.add("not_compared", content.title)
        return
    different = [count for count in known if count.differences()]
    if not different:
        return
    if not strict and len(different) == len(known) and _is_other_data(known):
        found = sum(count.found[_main(count)] for count in known)
        expected = sum(count.published[_main(count)] for count in known)
        findings.add(
            "not_published",
            f"{content.source}: {found:,} {_main(known[0])}, published are "
            f"{expected:,}",
        )
        return
    for count in different:
        # What is said of a whole partition leaves open what was counted.
        kind = "doubtful_count" if count.split == WHOLE else "other_count"
        findings.add(
            kind,
            f"{content.source}, split {count.split}: {', '.join(count.differences())}",
        )


def check_shared_pictures(content: Content, findings: Findings) -> None:
    """Find pictures that two splits of a partition have in common.

    Args:
        content: The partition.
        findings: Takes them.
    """
    images: dict[str, set[int]] = {}
    for reference in content.references:
        images.setdefault(reference.split, set()).add(reference.image_id)
    by_design = (content.dataset, content.partition) in OBJECT_PARTITIONS
    for first, second in combinations(images, 2):
        shared = images[first] & images[second]
        if shared:
            findings.add(
                "shared_by_design" if by_design else "shared_pictures",
                f"{content.title}: {first} and {second} share {len(shared):,} "
                f"pictures, the first of them {min(shared)}",
            )


def _numbers(row: PublishedCount) -> dict[str, int]:
    numbers = {name: getattr(row, name) for name in NUMBERS}
    return {name: entry.value for name, entry in numbers.items() if entry is not None}


def _count(references: Iterable[Reference]) -> dict[str, int]:
    kept = [reference for reference in references if reference.num_sentences]
    return {
        "images": len({reference.image_id for reference in kept}),
        "references": len(kept),
        "sentences": sum(reference.num_sentences for reference in kept),
    }


def _main(count: SplitCount) -> str:
    """The number that says most about the size."""
    return next(name for name in reversed(NUMBERS) if name in count.published)


def _is_other_data(counts: list[SplitCount]) -> bool:
    found = sum(count.found[_main(count)] for count in counts)
    expected = sum(count.published[_main(count)] for count in counts)
    return not LEAST_SHARE <= found / expected <= MOST_SHARE
