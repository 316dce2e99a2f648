"""Scores of a report: cards, the table, groups, and what the numbers are of."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from mmris.evaluation.bootstrap import (
    RESAMPLES,
    bootstrap_intervals,
    paired_differences,
)

from .charts import RUNS, Bar, bar_chart, difference_cell, reach_of
from .labels import DEFINITIONS, breakdown_title, group_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from mmris.evaluation.bootstrap import Difference, Interval

    from .run import Run

# Of the intervals of groups, which are many and only seen, not read.
_GROUP_RESAMPLES = 400
# On cards, as far as a run has them.
_MAIN = ("oIoU", "mIoU", "Prec@0.5", "gIoU", "N-acc", "T-acc")
_ABOUT = {
    "config": "config",
    "checkpoint": "checkpoint",
    "checkpoint_sha256": "SHA-256 of the checkpoint",
    "dataset": "dataset",
    "split": "split",
    "test_cfg": "settings",
}


def score_section(runs: Sequence[Run], chart: str) -> str:
    """All scores with intervals; of two runs their differences.

    Args:
        runs: One run or two.
        chart: HTML that stands beside the table, or below where that is wide.
    """
    intervals = [bootstrap_intervals(run.table) for run in runs]
    if len(runs) == 1:
        (only,) = intervals
        cards = [_card(name, only[name]) for name in _MAIN if name in only]
        table = _score_table(intervals[0])
        note = f"Intervals of 95 %: bootstrap over images, {RESAMPLES:,} draws."
    else:
        changes = paired_differences(runs[0].table, runs[1].table)
        cards = [
            _change_card(name, intervals, changes[name])
            for name in _MAIN
            if name in changes
        ]
        table = _difference_table([run.name for run in runs], intervals, changes)
        note = (
            f"Paired over images. Interval of 95 %: {RESAMPLES:,} bootstrap draws of "
            f"images. p: share of {RESAMPLES:,} random exchanges of the runs' images "
            "that give a difference as large. Coloured points: intervals without 0."
        )
    beside = " beside" if len(runs) == 1 else ""
    return (
        f'<div class="scores">{"".join(cards)}</div><div class="stack{beside}">'
        f'<div class="panel"><div class="wide">{table}</div>'
        f'<p class="note">{note}</p>{_definitions(intervals[0])}</div>{chart}</div>'
    )


def _card(name: str, entry: Interval) -> str:
    return (
        f'<div class="score">{escape(name)}<b>{entry.value:.1f}<small> %</small></b>'
        f'<span class="note">{entry.low:.1f} to {entry.high:.1f}</span></div>'
    )


def _change_card(
    name: str, intervals: Sequence[Mapping[str, Interval]], change: Difference
) -> str:
    values = " &rarr; ".join(
        f'<span class="{place}">{entry[name].value:.1f}</span>'
        for place, entry in zip(RUNS, intervals, strict=True)
    )
    return (
        f'<div class="score">{escape(name)}<b>{change.value:+.1f}'
        f"<small> points</small></b>{values} "
        f'<span class="note">({change.low:+.1f} to {change.high:+.1f})</span></div>'
    )


def _score_table(intervals: Mapping[str, Interval]) -> str:
    lines = [
        f'<tr><th scope="row">{escape(name)}</th><td>{entry.value:.2f}</td>'
        f"<td>{entry.low:.2f} to {entry.high:.2f}</td></tr>"
        for name, entry in intervals.items()
    ]
    head = (
        '<tr><th scope="col">score</th><th scope="col">percent</th>'
        '<th scope="col">95 % interval</th></tr>'
    )
    return f'<table class="numbers">{head}{"".join(lines)}</table>'


def _difference_table(
    names: Sequence[str],
    intervals: Sequence[Mapping[str, Interval]],
    changes: Mapping[str, Difference],
) -> str:
    reach = reach_of(changes)
    lines = [
        f'<tr><th scope="row">{escape(name)}</th>'
        f"<td>{difference_cell(entry, reach=reach)}</td>"
        + "".join(f"<td>{before[name].value:.2f}</td>" for before in intervals)
        + f"<td>{entry.value:+.2f}</td><td>{entry.low:+.2f} to {entry.high:+.2f}</td>"
        f"<td>{entry.p_value:.4f}</td></tr>"
        for name, entry in changes.items()
    ]
    runs = "".join(
        f'<th scope="col" class="{place}">{escape(name)}</th>'
        for place, name in zip(RUNS, names, strict=True)
    )
    head = (
        '<tr><th scope="col">score</th><th scope="col" style="text-align:center">'
        f"difference, {-reach} to {reach} points</th>{runs}"
        '<th scope="col">points</th><th scope="col">95 % interval</th>'
        '<th scope="col">p</th></tr>'
    )
    return f'<table class="numbers changes">{head}{"".join(lines)}</table>'


def _definitions(intervals: Mapping[str, Interval]) -> str:
    shown = {name.partition("@")[0] for name in intervals}
    entries = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>"
        for name, text in DEFINITIONS.items()
        if name.partition("@")[0] in shown
    )
    summary = "<summary>What the scores are</summary>"
    return f"<details>{summary}<dl>{entries}</dl></details>"


def group_chart(
    runs: Sequence[Run],
    by_run: Sequence[Mapping[str, np.ndarray]],
    breakdown: str,
    categories: Mapping[int, str],
) -> str:
    """Draw the mIoU of the groups of a breakdown.

    Args:
        runs: One run or two.
        by_run: For each run the rows of each group.
        breakdown: Key of ``BREAKDOWNS``.
        categories: Names of categories by number.
    """
    rows = []
    for label, places in by_run[0].items():
        bars = []
        for run, groups in zip(runs, by_run, strict=True):
            part = run.table.rows(groups[label])
            entry = bootstrap_intervals(part, resamples=_GROUP_RESAMPLES)["mIoU"]
            bars.append(Bar(entry.value, entry.low, entry.high))
        rows.append((group_label(label, breakdown, categories), len(places), bars))
    return bar_chart(rows, caption=f"mIoU in percent by {breakdown_title(breakdown)}")


def about(runs: Sequence[Run]) -> str:
    """What the predictions are of, as their files say.

    Args:
        runs: One run or two.
    """
    parts = []
    for run in runs:
        entries = {"predictions": str(run.predictions.path)}
        for key, title in _ABOUT.items():
            value = run.predictions.header.get(key)
            if value is not None:
                entries[title] = _in_words(value)
        lines = "".join(
            f"<dt>{escape(title)}</dt><dd>{escape(value)}</dd>"
            for title, value in entries.items()
        )
        name = f"<h3>{escape(run.name)}</h3>" if len(runs) > 1 else ""
        parts.append(f"{name}<dl>{lines}</dl>")
    return f'<div class="panel about">{"".join(parts)}</div>'


def _in_words(value: Any) -> str:
    """Values of a header without the marks of a program."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_words(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return " x ".join(map(_in_words, value))
    return str(value)
