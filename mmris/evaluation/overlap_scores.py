"""Overall IoU, mean IoU and precision: the scores of RefCOCO and its kin.

All are percentages. I and U are the intersection and the union, in pixels, of the
predicted and the true mask of a sentence. Where both masks are empty I / U is open; it
is 1 here: nothing was asked for and nothing was given. Projects differ (LAVT has 0,
CRIS adds 1e-6 to U and so has 0, Sa2VA has 1); in RefCOCO no true mask is empty, and
the choice changes nothing.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from .mask_counts import MaskCounts

# The X of Prec@X that papers print.
PRECISION_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


def overall_iou(counts: MaskCounts) -> float:
    """Sum of all intersections over sum of all unions, ``oIoU``.

    Large objects weigh more than small ones. It was introduced with the task: Hu,
    Rohrbach and Darrell, "Segmentation from Natural Language Expressions", ECCV 2016,
    https://arxiv.org/abs/1603.06180. Also called cumulative IoU, cIoU.

    Empty masks: pairs that are both empty add nothing; if all are, the score is 100.

    Args:
        counts: At least one pair.
    """
    _require_pairs(counts)
    union = int(counts.union.sum())
    return 100.0 * int(counts.intersection.sum()) / union if union else 100.0


def mean_iou(counts: MaskCounts, *, empty: float | np.ndarray = 1.0) -> float:
    """Mean over the sentences of I / U, ``mIoU``.

    Every sentence weighs the same, whatever the size of its object. CRIS and JMCELN
    report this one. It is not the mIoU over classes of semantic segmentation.

    Args:
        counts: At least one pair.
        empty: I / U where both masks are empty; one for all, or ``(N,)`` of them.
    """
    _require_pairs(counts)
    return 100.0 * mean(counts.iou(empty))


def precision_at(
    counts: MaskCounts,
    threshold: float,
    *,
    strict: bool = False,
    empty: float | np.ndarray = 1.0,
) -> float:
    """Share of sentences whose I / U reaches a threshold, ``Prec@X``.

    The programs of CMSA, CMPC, CEFNet, LAVT and ReLA compare with >=, those of CRIS,
    CGFormer and SHNet with >. They differ where I / U is exactly X, which happens: with
    X = 0.5 for an object of which a half was found.

    Args:
        counts: At least one pair.
        threshold: X, from 0 to 1.
        strict: Whether I / U must be above X and not only reach it.
        empty: I / U where both masks are empty; one for all, or ``(N,)`` of them.
    """
    _require_pairs(counts)
    reaches = operator.gt if strict else operator.ge
    return 100.0 * float(reaches(counts.iou(empty), threshold).mean())


def check_thresholds(thresholds: tuple[float, ...], key: str) -> None:
    """Refuse thresholds of precision that no I / U is compared with.

    Args:
        thresholds: The X.
        key: The config key, for the message.

    Raises:
        ValueError: One is not above 0 and at most 1, or stands twice.
    """
    for value in thresholds:
        # Written so that NaN fails as well; True is an int.
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 < value <= 1:
            raise ValueError(
                f"{key} has {value!r}; thresholds are parts of 1, above 0 and at most "
                "1: 0.7 for Prec@0.7"
            )
    if len(set(thresholds)) < len(thresholds):
        raise ValueError(f"{key} is {list(thresholds)}; name each threshold once")


def mean(values: np.ndarray) -> float:
    """The mean, the same to the last bit in whatever order the values come.

    Args:
        values: ``(N,)``, at least one.
    """
    return math.fsum(values.tolist()) / len(values)


def _require_pairs(counts: MaskCounts) -> None:
    if not len(counts):
        raise ValueError(
            "there is no sentence to score; check the split and the indices of the "
            "dataset"
        )
