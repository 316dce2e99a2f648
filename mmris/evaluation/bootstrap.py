"""How sure a score is, and whether two runs differ by more than chance.

Sentences of one picture succeed or fail together, so pictures are drawn, not sentences:
an interval from sentences would be too narrow. Efron, "Bootstrap Methods: Another Look
at the Jackknife", Annals of Statistics 7(1), 1979; the paired test is an approximate
randomization test: Noreen, "Computer-Intensive Methods for Testing Hypotheses", 1989.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .no_target_scores import TARGETED_THRESHOLDS
from .overlap_scores import PRECISION_THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .rescoring import ScoreTable

RESAMPLES = 2000
LEVEL = 0.95
# Pictures drawn at a time times resamples: bounds the memory.
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A score with its bootstrap interval, in percent.

    Attributes:
        value: The score itself.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """How much higher a score is in the second of two runs.

    Attributes:
        value: Second minus first, in points.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p_value: Chance of a difference as large, either way, if it did not matter which
            run an image's predictions came from.
    """

    value: float
    low: float
    high: float
    p_value: float


class ImageSums:
    """Sums over the sentences of each picture, from which scores of any draw follow.

    Args:
        table: The sentences.
        images: The pictures to have rows for, in this order.

    Attributes:
        names: Of the scores, those of ``table.scores()``.
    """

    def __init__(self, table: ScoreTable, images: np.ndarray) -> None:
        row = np.searchsorted(images, table.image)
        ratios = _ratios(table)
        self.names = tuple(ratios)
        columns = [above for above, _ in ratios.values()]
        columns += [below for _, below in ratios.values()]
        self.sums = np.stack(
            [np.bincount(row, column, len(images)) for column in columns], axis=1
        )

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """Scores of draws.

        Args:
            weights: ``(R, images)``, how often each picture is in each draw.

        Returns:
            ``(R, scores)`` in percent, in the order of ``names``; NaN where a draw has
            none of the sentences that a score is of.
        """
        return _scores(weights @ self.sums)


def _ratios(table: ScoreTable) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each score as two sums over sentences, of which it is the ratio."""
    counts, iou, targeted = table.counts, table.iou, table.targeted
    ones = np.ones(len(counts))
    reaches = np.greater if table.protocol.strict else np.greater_equal
    ratios = {"oIoU": (counts.intersection, counts.union), "mIoU": (iou, ones)}
    for value in PRECISION_THRESHOLDS:
        ratios[f"Prec@{value}"] = (reaches(iou, value), ones)
    if targeted.all():
        return ratios
    nothing = counts.predicted == 0
    generalized = counts.iou(np.where(targeted, 0.0, 1.0))
    ratios["gIoU"] = (generalized, ones)
    ratios["cIoU"] = ratios["oIoU"]
    ratios["N-acc"] = (nothing & ~targeted, ~targeted)
    if targeted.any():
        ratios["T-acc"] = (~nothing & targeted, targeted)
        for value in TARGETED_THRESHOLDS:
            reached = targeted & (generalized >= value)
            ratios[f"targeted Prec@{value}"] = (reached, targeted)
    return ratios


def _scores(totals: np.ndarray) -> np.ndarray:
    """From sums ``(R, 2 scores)`` to scores ``(R, scores)``."""
    above, below = np.split(totals, 2, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = above / below
    # oIoU where all masks are empty.
    ratio[:, 0] = np.where(below[:, 0] > 0, ratio[:, 0], 1.0)
    return np.asarray(100.0 * ratio)


def bootstrap_intervals(
    table: ScoreTable,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile intervals of the scores.

    Args:
        table: The sentences.
        resamples: How many times as many pictures are drawn, with repetition.
        level: Share of the draws within an interval.
        seed: Of the draws.

    Returns:
        Intervals by name of the score.
    """
    images = np.unique(table.image)
    sums = ImageSums(table, images)
    drawn = np.concatenate(
        [sums.scores(weights) for weights in _draws(len(images), resamples, seed)]
    )
    low, high = _percentiles(drawn, level)
    value = sums.scores(np.ones((1, len(images))))[0]
    return {
        name: Interval(float(value[k]), float(low[k]), float(high[k]))
        for k, name in enumerate(sums.names)
    }


def paired_differences(
    first: ScoreTable,
    second: ScoreTable,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Difference]:
    """Compare two runs on the same sentences.

    The interval is of the difference when the same pictures are drawn for both. For the
    p value the predictions of each picture change places between the runs at random.

    Args:
        first: Sentences of one run.
        second: The same sentences of the other.
        resamples: How many draws and how many exchanges.
        level: Share of the draws within an interval.
        seed: Of the draws.

    Returns:
        Differences by name of the score.

    Raises:
        ValueError: The runs have other sentences.
    """
    if set(first.sent_ids) != set(second.sent_ids):
        raise ValueError(
            f"the runs to compare have {len(first.sent_ids)} and "
            f"{len(second.sent_ids)} sentences, and not the same; score both on one "
            "split"
        )
    images = np.unique(first.image)
    one, other = ImageSums(first, images), ImageSums(second, images)
    everything = np.ones((1, len(images)))
    value = (other.scores(everything) - one.scores(everything))[0]
    drawn = np.concatenate(
        [
            other.scores(weights) - one.scores(weights)
            for weights in _draws(len(images), resamples, seed)
        ]
    )
    low, high = _percentiles(drawn, level)
    rng = np.random.default_rng([seed, 1])
    extreme = np.zeros(len(value))
    for count in _chunks(len(images), resamples):
        kept = rng.integers(0, 2, (count, len(images))).astype(np.float64)
        gain = _scores(kept @ other.sums + (1 - kept) @ one.sums)
        loss = _scores(kept @ one.sums + (1 - kept) @ other.sums)
        # A hair's breadth, so that rounding does not decide about equal differences.
        extreme += (np.abs(gain - loss) >= np.abs(value) - 1e-9).sum(axis=0)
    p_value = (1 + extreme) / (1 + resamples)
    return {
        name: Difference(
            float(value[k]), float(low[k]), float(high[k]), float(p_value[k])
        )
        for k, name in enumerate(one.names)
    }


def _draws(images: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng([seed, 0])
    share = np.full(images, 1 / images)
    for count in _chunks(images, resamples):
        yield rng.multinomial(images, share, size=count).astype(np.float64)


def _chunks(images: int, resamples: int) -> list[int]:
    step = max(_CHUNK // images, 1)
    return [min(step, resamples - start) for start in range(0, resamples, step)]


def _percentiles(drawn: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
