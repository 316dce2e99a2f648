"""Scores of sets in which a sentence may name several objects or none (gRefCOCO).

From Liu, Ding and Jiang, "GRES: Generalized Referring Expression Segmentation", CVPR
2023, https://arxiv.org/abs/2306.00968, Sec. 3, and its released evaluation. All are
percentages. A sentence without target has an empty true mask; "nothing" is answered by
an empty predicted mask. (The release has a classifier besides, whose "nothing" counts
whatever the mask: it cannot be told from masks.)
"""

from __future__ import annotations

from .mask_counts import MaskCounts  # noqa: TC001  (doctests want it at run time)
from .overlap_scores import overall_iou, precision_at


def generalized_iou(counts: MaskCounts) -> float:
    """Mean over all sentences of I / U, ``gIoU``.

    Empty masks: a sentence without target counts 1 if nothing is predicted, else 0; one
    with a target counts 0 if nothing is predicted.

    Args:
        counts: At least one pair.
    """
    return 100.0 * float(counts.iou(empty=1.0).mean())


def cumulative_iou(counts: MaskCounts) -> float:
    """Sum of all intersections over sum of all unions, ``cIoU``.

    Empty masks: where nothing was asked for and nothing predicted, nothing is added;
    where something was predicted, its pixels are added to the unions.

    Args:
        counts: At least one pair.
    """
    return overall_iou(counts)


def no_target_accuracy(counts: MaskCounts) -> float | None:
    """Share of the sentences without target for which nothing is predicted, ``N-acc``.

    Args:
        counts: Any number of pairs.

    Returns:
        The share; None if every sentence has a target, which leaves it open.
    """
    without = counts.truth == 0
    if not without.any():
        return None
    return 100.0 * float((counts.predicted[without] == 0).mean())


def target_accuracy(counts: MaskCounts) -> float | None:
    """Share of the sentences with a target for which something is predicted, ``T-acc``.

    Args:
        counts: Any number of pairs.

    Returns:
        The share; None if no sentence has a target, which leaves it open.
    """
    targeted = counts.truth > 0
    if not targeted.any():
        return None
    return 100.0 * float((counts.predicted[targeted] > 0).mean())


def no_target_scores(counts: MaskCounts) -> dict[str, float]:
    """The scores above by their usual names, those that are defined.

    ``Prec@X`` of gRefCOCO is over sentences with a target only; here it is
    ``targeted Prec@0.7`` to 0.9, as the release prints them.

    Args:
        counts: At least one pair.

    Example:
        >>> counts = MaskCounts.of([2, 0, 0], [4, 0, 5], [2, 0, 0])
        >>> {name: round(value, 1) for name, value in no_target_scores(counts).items()
        ...  if "Prec" not in name}
        {'gIoU': 50.0, 'cIoU': 22.2, 'N-acc': 50.0, 'T-acc': 100.0}
    """
    scores = {
        "gIoU": generalized_iou(counts),
        "cIoU": cumulative_iou(counts),
        "N-acc": no_target_accuracy(counts),
        "T-acc": target_accuracy(counts),
    }
    targeted = counts.rows(counts.truth > 0)
    if len(targeted):
        for threshold in (0.7, 0.8, 0.9):
            value = precision_at(targeted, threshold)
            scores[f"targeted Prec@{threshold}"] = value
    return {name: value for name, value in scores.items() if value is not None}
