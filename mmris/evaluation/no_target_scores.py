"""Scores of sets in which a sentence may name several objects or none (gRefCOCO).

From Liu, Ding and Jiang, "GRES: Generalized Referring Expression Segmentation", CVPR
2023, https://arxiv.org/abs/2306.00968, Sec. 3, and its released evaluation. All are
percentages. A sentence without target has an empty true mask; "nothing" is answered by
an empty predicted mask. (The release has a classifier besides, whose "nothing" counts
whatever the mask: it cannot be told from masks.)
"""

from __future__ import annotations

import numpy as np

from .mask_counts import MaskCounts  # noqa: TC001  (doctests want it at run time)
from .overlap_scores import mean_iou, overall_iou, precision_at

# The X of Prec@X that the release prints, of sentences with a target.
TARGETED_THRESHOLDS = (0.7, 0.8, 0.9)
# What no_target_scores may give, in its order.
NO_TARGET_NAMES = (
    *("gIoU", "cIoU", "N-acc", "T-acc"),
    *(f"targeted Prec@{value}" for value in TARGETED_THRESHOLDS),
)


def generalized_iou(counts: MaskCounts, targeted: np.ndarray | None = None) -> float:
    """Mean over all sentences of I / U, ``gIoU``.

    Empty masks: a sentence without target counts 1 if nothing is predicted, else 0; one
    with a target counts 0 if nothing is predicted.

    Args:
        counts: At least one pair.
        targeted: See :func:`no_target_scores`.
    """
    return mean_iou(counts, empty=_empty(counts, targeted))


def cumulative_iou(counts: MaskCounts) -> float:
    """Sum of all intersections over sum of all unions, ``cIoU``.

    Empty masks: where nothing was asked for and nothing predicted, nothing is added;
    where something was predicted, its pixels are added to the unions.

    Args:
        counts: At least one pair.
    """
    return overall_iou(counts)


def no_target_accuracy(
    counts: MaskCounts, targeted: np.ndarray | None = None
) -> float | None:
    """Share of the sentences without target for which nothing is predicted, ``N-acc``.

    Args:
        counts: Any number of pairs.
        targeted: See :func:`no_target_scores`.

    Returns:
        The share; None if every sentence has a target, which leaves it open.
    """
    without = ~_targeted(counts, targeted)
    if not without.any():
        return None
    return 100.0 * float((counts.predicted[without] == 0).mean())


def target_accuracy(
    counts: MaskCounts, targeted: np.ndarray | None = None
) -> float | None:
    """Share of the sentences with a target for which something is predicted, ``T-acc``.

    Args:
        counts: Any number of pairs.
        targeted: See :func:`no_target_scores`.

    Returns:
        The share; None if no sentence has a target, which leaves it open.
    """
    with_target = _targeted(counts, targeted)
    if not with_target.any():
        return None
    return 100.0 * float((counts.predicted[with_target] > 0).mean())


def no_target_scores(
    counts: MaskCounts, targeted: np.ndarray | None = None
) -> dict[str, float]:
    """The scores above by their usual names, those that are defined.

    ``Prec@X`` of gRefCOCO is over sentences with a target only; here it is
    ``targeted Prec@0.7`` to 0.9, as the release prints them.

    Args:
        counts: At least one pair.
        targeted: ``(N,)`` bool, whether a sentence has a target. None takes those with
            a true mask that is not empty, which is the same unless masks were made
            smaller: a small object may vanish.

    Example:
        >>> counts = MaskCounts.of([2, 0, 0], [4, 0, 5], [2, 0, 0])
        >>> {name: round(value, 1) for name, value in no_target_scores(counts).items()
        ...  if "Prec" not in name}
        {'gIoU': 50.0, 'cIoU': 22.2, 'N-acc': 50.0, 'T-acc': 100.0}
    """
    with_target = _targeted(counts, targeted)
    scores = {
        "gIoU": generalized_iou(counts, with_target),
        "cIoU": cumulative_iou(counts),
        "N-acc": no_target_accuracy(counts, with_target),
        "T-acc": target_accuracy(counts, with_target),
    }
    some = counts.rows(with_target)
    if len(some):
        for threshold in TARGETED_THRESHOLDS:
            value = precision_at(some, threshold, empty=0.0)
            scores[f"targeted Prec@{threshold}"] = value
    return {name: value for name, value in scores.items() if value is not None}


def _targeted(counts: MaskCounts, targeted: np.ndarray | None) -> np.ndarray:
    return np.asarray(counts.truth > 0) if targeted is None else targeted


def _empty(counts: MaskCounts, targeted: np.ndarray | None) -> np.ndarray:
    """I / U of each sentence should both its masks be empty."""
    return np.where(_targeted(counts, targeted), 0.0, 1.0)
