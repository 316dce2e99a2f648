"""Results of a study as Markdown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

from mmris.benchmark.tables import markdown

from .published import published_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.utils.model_index import Score

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

    What the papers print for it stands beside it, if the study asks for that.

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
    titles = ["", "seeds", *kinds]
    if study.paper is not None:
        titles.append(f"paper, {study.paper}")
        published = published_scores(study)
        for row, cells in zip(study.rows, rows, strict=True):
            entry = published.get(row.name)
            cells.append(_published_text(entry.score) if entry else "")
    return markdown(titles, rows)


def grid_table(study: Study, results: StudyResults, split: str) -> str:
    """MIoU of every one of some with every one of others, and the mean of each.

    Args:
        study: A study with a ``grid``.
        results: Its results.
        split: The split.

    Returns:
        First halves of the names downwards, second halves to the right. The means are
        of the places where a whole row or column has scores; there is none otherwise.
    """
    values: dict[tuple[str, str], float | None] = {}
    for row in study.rows:
        first, _, second = row.name.rpartition(study.grid or "")
        found = summary(results, row.name, split, OVERALL)
        values[first, second] = None if found is None else found.mean
    downwards = list(dict.fromkeys(first for first, _ in values))
    rightwards = list(dict.fromkeys(second for _, second in values))
    grid = [[values.get((one, other)) for other in rightwards] for one in downwards]
    columns = [list(column) for column in zip(*grid, strict=True)]
    rows = [
        [name, *map(_cell, cells), _cell(_mean(cells))]
        for name, cells in zip(downwards, grid, strict=True)
    ]
    means = [_cell(_mean(column)) for column in columns]
    return markdown(["", *rightwards, "mean"], [*rows, ["mean", *means, ""]])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _published_text(score: Score) -> str:
    return f"{score.value:.1f} {score.metric} {score.split}"


def comparisons(study: Study, results: StudyResults, split: str) -> list[str]:
    """A sentence for each row that shall be better than another.

    Args:
        study: The study.
        results: Its results.
        split: The split.

    Returns:
        The sentences; where a study has the papers' numbers, one more on how often the
        better of two is the same here and there.
    """
    lines = []
    agreed = []
    published = published_scores(study)
    for row in study.rows:
        if row.against is None:
            continue
        one = summary(results, row.name, split, OVERALL)
        other = summary(results, row.against, split, OVERALL)
        if one is None or other is None:
            continue
        gain = one.mean - other.mean
        apart = one.mean - one.deviation > other.mean + other.deviation
        error_bars = "" if min(one.seeds, other.seeds) < 2 else ", error bars "
        error_bars += ("apart" if apart else "not apart") if error_bars else ""
        line = f"{row.name} against {row.against}: {gain:+.1f} mIoU{error_bars}"
        entry = published.get(row.name)
        if entry is not None and entry.gain is not None:
            line += f"; in the paper {entry.gain:+.1f} {entry.score.metric}"
            agreed.append((gain > 0) == (entry.gain > 0))
        lines.append(line)
    if agreed:
        lines.append(
            f"{sum(agreed)} of {len(agreed)} comparisons come out as in the paper"
        )
    return lines
