"""Charts of a report: tables with bars and SVG, without a program that draws them.

Bars are cells of a table, so that numbers are read out and text keeps its size on
narrow screens.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmris.evaluation.bootstrap import Difference

RUNS = ("first", "second")
_WIDTH, _HEIGHT, _LEFT, _BINS = 400, 140, 38, 20


class Bar(NamedTuple):
    """A value with its interval, in percent.

    Attributes:
        value: Length of the bar.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float


def bar_chart(rows: Sequence[tuple[str, int, Sequence[Bar]]], *, caption: str) -> str:
    """Horizontal bars from 0 to 100 percent, one group a row.

    Args:
        rows: Label of each group, how many sentences it has, and its bars, at most two:
            one for each run.
        caption: What the values are, for readers who do not see the chart.

    Returns:
        HTML.
    """
    lines = []
    for label, count, bars in rows:
        drawn = "".join(
            f'<span class="bar"><i style="width:{value:.1f}%"></i>'
            f'<s style="left:{low:.1f}%;width:{high - low:.1f}%"></s></span>'
            for value, low, high in bars
        )
        # One name is left over where there is one run.
        values = "<br>".join(
            f'<span class="{run}">{bar.value:.1f}</span>'
            for run, bar in zip(RUNS, bars, strict=False)
        )
        lines.append(
            f'<tr><th scope="row">{escape(label)} <small>{count:,}</small></th>'
            f'<td class="track">{drawn}</td><td>{values}</td></tr>'
        )
    axis = "".join(f"<span>{x}</span>" for x in (0, 25, 50, 75, 100))
    return (
        f'<table class="bars" aria-label="{escape(caption)}">{"".join(lines)}</table>'
        f'<div class="axis" aria-hidden="true">{axis}</div>'
    )


def difference_cell(entry: Difference, *, reach: float) -> str:
    """A difference as a point on a line, with its interval.

    Args:
        entry: The difference.
        reach: Points from the middle to either end, at least those of the interval.

    Returns:
        HTML of a cell's content.
    """
    low, at, high = (
        50 + 50 * value / reach for value in (entry.low, entry.value, entry.high)
    )
    name = ""
    if entry.low > 0:
        name = ' class="better"'
    elif entry.high < 0:
        name = ' class="worse"'
    return (
        f'<span class="change"><s style="left:{low:.1f}%;width:{high - low:.1f}%"></s>'
        f'<i{name} style="left:{at:.1f}%"></i></span>'
    )


def reach_of(differences: Mapping[str, Difference]) -> float:
    """Points to which a chart of differences must reach, a round number.

    Args:
        differences: By name of the score.
    """
    farthest = max(
        max(-entry.low, entry.high, abs(entry.value)) for entry in differences.values()
    )
    return next((step for step in (1, 2, 5, 10, 20, 50) if step >= farthest), 100)


def histogram(series: Sequence[np.ndarray], *, caption: str) -> str:
    """How many sentences have which IoU, in 20 bins.

    Args:
        series: One array of values from 0 to 1 for each run, at most two.
        caption: What is shown, for readers who do not see it.

    Returns:
        An ``svg`` element.
    """
    counts = [np.histogram(values, _BINS, (0, 1))[0] for values in series]
    highest = max(int(count.max()) for count in counts) or 1
    step = (_WIDTH - _LEFT - 14) / _BINS
    width = (step - 2) / len(counts)
    space = _HEIGHT - 14
    parts = [
        f'<path d="M{_LEFT} {_HEIGHT - space * part:.1f}H{_WIDTH - 14}" class="grid"/>'
        f'<text x="{_LEFT - 6}" y="{_HEIGHT - space * part + 4:.1f}" '
        f'text-anchor="end">{round(highest * part):,}</text>'
        for part in ((0, 0.5, 1) if highest > 1 else (0, 1))
    ]
    parts += [
        f'<rect class="{RUNS[run]}" x="{_LEFT + place * step + run * width:.1f}" '
        f'width="{width:.1f}" y="{_HEIGHT - space * number / highest:.1f}" '
        f'height="{space * number / highest:.1f}"/>'
        for run, count in enumerate(counts)
        for place, number in enumerate(count.tolist())
    ]
    parts += [
        f'<text x="{_LEFT + _BINS * step * x:.1f}" y="{_HEIGHT + 16}" '
        f'text-anchor="middle">{100 * x:g}</text>'
        for x in (0, 0.25, 0.5, 0.75, 1)
    ]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 20}" role="img" '
        f'aria-label="{escape(caption)}">{"".join(parts)}</svg>'
    )
