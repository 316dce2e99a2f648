"""Charts of a report: SVG within the page, without a program that draws them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH = 640
_LABEL = 190
_ROW = 24
_COLORS = ("#0072b2", "#e69f00")


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


def bar_chart(rows: Sequence[tuple[str, Sequence[Bar]]], *, caption: str) -> str:
    """Horizontal bars from 0 to 100 percent, one group a row.

    Args:
        rows: Label of each row and its bars, at most two: one for each run.
        caption: What readers of the page without pictures are told.

    Returns:
        An ``svg`` element.
    """
    space = _WIDTH - _LABEL - 60
    parts = []
    top = 4
    for label, bars in rows:
        middle = top + _ROW * len(bars) / 2
        parts.append(
            f'<text x="{_LABEL - 8}" y="{middle + 4:.0f}" text-anchor="end">'
            f"{escape(label)}</text>"
        )
        # One color is left over where there is one run.
        for bar, color in zip(bars, _COLORS, strict=False):
            y = top + 3
            start, end = (_LABEL + space * x / 100 for x in (bar.low, bar.high))
            center = y + (_ROW - 6) / 2
            parts += [
                f'<rect x="{_LABEL}" y="{y}" height="{_ROW - 6}" fill="{color}" '
                f'width="{space * bar.value / 100:.1f}"/>',
                f'<path d="M{start:.1f} {center}H{end:.1f}M{start:.1f} {center - 4}v8'
                f'M{end:.1f} {center - 4}v8" class="interval"/>',
                f'<text x="{_LABEL + space + 8}" y="{center + 4}">{bar.value:.1f}'
                "</text>",
            ]
            top += _ROW
        top += 6
    axis = "".join(
        f'<path d="M{_LABEL + space * x / 100:.1f} 0V{top}" class="grid"/>'
        f'<text x="{_LABEL + space * x / 100:.1f}" y="{top + 14}" '
        f'text-anchor="middle">{x}</text>'
        for x in (0, 25, 50, 75, 100)
    )
    return _svg(axis + "".join(parts), top + 20, caption)


def histogram(series: Sequence[np.ndarray], *, caption: str) -> str:
    """How many sentences have which I / U, in 20 bins.

    Args:
        series: One array of values from 0 to 1 for each run, at most two.
        caption: What readers of the page without pictures are told.

    Returns:
        An ``svg`` element.
    """
    height, left, bins = 180, 44, 20
    counts = [np.histogram(values, bins, (0, 1))[0] for values in series]
    highest = max(int(count.max()) for count in counts) or 1
    step = (_WIDTH - left - 10) / bins
    width = (step - 2) / len(counts)
    parts = [
        f'<rect x="{left + place * step + run * width:.1f}" width="{width:.1f}" '
        f'y="{height - (height - 12) * number / highest:.1f}" '
        f'height="{(height - 12) * number / highest:.1f}" fill="{_COLORS[run]}"/>'
        for run, count in enumerate(counts)
        for place, number in enumerate(count.tolist())
    ]
    parts += [
        f'<text x="{left + bins * step * x:.1f}" y="{height + 16}" '
        f'text-anchor="middle">{x}</text>'
        for x in (0, 0.25, 0.5, 0.75, 1)
    ]
    parts.append(f'<text x="{left - 6}" y="16" text-anchor="end">{highest}</text>')
    return _svg("".join(parts), height + 22, caption)


def _svg(content: str, height: float, caption: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(caption)}">{content}</svg>'
    )
