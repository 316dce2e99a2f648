"""Results of a study as Markdown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

from mmris.benchmark.tables import markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .definition import Study
    from .results import StudyResults

OVERALL = "mIoU"


class MeanAndDeviation(NamedTuple):
    """Of the seeds of a row.

    Attributes:
        mean: The mean.
        deviation: Standard deviation of the sample; 0 for one seed.
        seeds: How many.
    """

    mean: float
    deviation: float
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> MeanAndDeviation:
        """Of some values.

        Args:
            values: One at least.
        """
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        return cls(statistics.fmean(values), deviation, len(values))

    def __str__(self) -> str:
        """Such as ``"71.8 ± 0.6"``."""
        spread = f" ± {self.deviation:.1f}" if self.seeds > 1 else ""
        return f"{self.mean:.1f}{spread}"


def metrics_of(study: Study, results: StudyResults, split: str) -> list[str]:
    """MIoU and its breakdowns by kind of expression, in the order of the scores.

    Args:
        study: The study.
        results: Its results.
        split: The split.
    """
    names: dict[str, None] = {}
    for row in study.rows:
        for scores in results.scores(row.name, split):
            names |= dict.fromkeys(
                key for key in scores if key.partition("_")[0] == OVERALL
            )
    return list(names)


def summary(
    results: StudyResults, row: str, split: str, metric: str
) -> MeanAndDeviation | None:
    """Mean and deviation of a score, None where no run has it.

    Args:
        results: The results.
        row: Name of the row.
        split: The split.
        metric: Key of the score.
    """
    scores = results.scores(row, split)
    values = [run[metric] for run in scores if metric in run]
    return MeanAndDeviation.of(values) if values else None


def study_table(study: Study, results: StudyResults, split: str) -> str:
    """A row for each row of the study, with means and deviations over the seeds.

    Args:
        study: The study.
        results: Its results.
        split: The split.
    """
    metrics = metrics_of(study, results, split)
    rows = []
    for row in study.rows:
        found = [summary(results, row.name, split, metric) for metric in metrics]
        cells = ["" if value is None else str(value) for value in found]
        rows.append([row.name, str(len(results.scores(row.name, split))), *cells])
    kinds = [metric.partition("_")[2] or OVERALL for metric in metrics]
    return markdown(["", "seeds", *kinds], rows)


def comparisons(study: Study, results: StudyResults, split: str) -> list[str]:
    """A sentence for each row that shall be better than another.

    Args:
        study: The study.
        results: Its results.
        split: The split.
    """
    lines = []
    for row in study.rows:
        if row.against is None:
            continue
        one = summary(results, row.name, split, OVERALL)
        other = summary(results, row.against, split, OVERALL)
        if one is None or other is None:
            continue
        apart = one.mean - one.deviation > other.mean + other.deviation
        error_bars = "" if min(one.seeds, other.seeds) < 2 else ", error bars "
        error_bars += ("apart" if apart else "not apart") if error_bars else ""
        lines.append(
            f"{row.name} against {row.against}: {one.mean - other.mean:+.1f} mIoU"
            f"{error_bars}"
        )
    return lines
