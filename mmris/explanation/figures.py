"""Explanations as figures for a paper: PNG, SVG or PDF."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from mmris.utils.atomic_files import write_atomically
from mmris.visualization.captions import drawable
from mmris.visualization.overlays import draw_mask, fit
from mmris.visualization.palette import (
    BLUE,
    BLUISH_GREEN,
    ORANGE,
    REDDISH_PURPLE,
    line_style,
)

from .kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .explanation import Explanation, ExplanationMap

FORMATS = (".pdf", ".png", ".svg")
COLOR_MAP = "inferno"
# Of the colours where the number is the highest, and where it is zero.
_OPACITY, _FAINTEST = 0.8, 0.3
# Pixels of the longer side of a panel.
_SMALLEST, _LARGEST = 288, 480
_WIDEST = 7  # panels beside each other
_PANEL = 1.5  # inches
_TYPE_COLORS = (BLUE, BLUISH_GREEN, ORANGE, REDDISH_PURPLE)


class _Panel(NamedTuple):
    """A heat map with its caption; ``point`` is the place that looks, (row, column)."""

    values: np.ndarray
    caption: str
    point: tuple[float, float] | None = None


class _Row(NamedTuple):
    """Panels that share a range of colours."""

    label: str
    panels: list[_Panel]
    low: float
    high: float


def write_figure(
    explanation: Explanation,
    kind: str,
    path: Path,
    *,
    point: tuple[float, float] | None = None,
    dpi: int = 200,
) -> None:
    """Draw all maps of a kind.

    Args:
        explanation: The explanation.
        kind: Key of ``KINDS``.
        path: Where to, ending in .png, .svg or .pdf.
        point: Row and column in the picture, in pixels: the place that looks, for maps
            that have one; None for the most probable place of the mask.
        dpi: Of a PNG, dots an inch.

    Raises:
        KeyError: The explanation has no such map.
        ValueError: The ending is another one, or the point lies outside.
    """
    if path.suffix not in FORMATS:
        raise ValueError(
            f"{path}: a figure ends in {', '.join(FORMATS)}; choose one of them"
        )
    figure = draw_figure(explanation, kind, point=point)
    content = BytesIO()
    # Without the time of writing, so that the same figure is the same file.
    stamp = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    figure.savefig(
        content, format=path.suffix[1:], dpi=dpi, metadata=stamp[path.suffix]
    )
    write_atomically(path, content.getvalue())


def draw_figure(
    explanation: Explanation, kind: str, *, point: tuple[float, float] | None = None
) -> Figure:
    """All maps of a kind as one figure, the picture with the mask in front.

    Args:
        explanation: The explanation.
        kind: Key of ``KINDS``.
        point: Row and column in the picture, in pixels: the place that looks, for maps
            that have one; None for the most probable place of the mask.

    Returns:
        The figure.

    Raises:
        KeyError: The explanation has no such map.
        ValueError: The point lies outside of the picture.
    """
    maps = [entry for entry in explanation.maps.values() if entry.kind == kind]
    if not maps:
        has = ", ".join(dict.fromkeys(m.kind for m in explanation.maps.values()))
        raise KeyError(f"the explanation has no {kind}; it has {has or 'no maps'}")
    point = query_point(explanation, point)
    axes = maps[0].axes
    if axes == ("word",):
        return _table(explanation, [(maps, np.stack([m.values for m in maps]))])
    if axes == ("query_word", "word"):
        return _table(explanation, [([m], m.values) for m in maps])
    if axes == ("word", "item"):
        return _bars(explanation, maps[0])
    rows = _rows(explanation, maps, point)
    unit = KINDS[kind].unit
    if not KINDS[kind].ends_at_one and len(rows) == 1 and len(maps) > 1:
        unit = "of the largest of the panel"
    return _heat_maps(explanation, rows, unit)


def query_point(
    explanation: Explanation, point: tuple[float, float] | None
) -> tuple[float, float]:
    """The place that looks: the one asked for, or the most probable one of the mask.

    Args:
        explanation: The explanation.
        point: Row and column in the picture, in pixels; None for none.

    Raises:
        ValueError: It lies outside of the picture.
    """
    height, width = explanation.mask.shape
    if point is None:
        row, column = np.unravel_index(explanation.logits.argmax(), (height, width))
        return float(row), float(column)
    if not (0 <= point[0] < height and 0 <= point[1] < width):
        raise ValueError(
            f"the point in row {point[0]:g}, column {point[1]:g} lies outside of the "
            f"picture of {height} rows and {width} columns"
        )
    return point


def draw_masked(explanation: Explanation) -> np.ndarray:
    """The picture with the mask of the expression.

    Args:
        explanation: The explanation.

    Returns:
        ``(H, W, 3)`` uint8, RGB, at the size of a panel.
    """
    mask = fit(explanation.mask.astype(np.uint8), min_side=_SMALLEST, max_side=_LARGEST)
    return draw_mask(_picture(explanation), mask, line_style(0), alpha=0.35)


def _picture(explanation: Explanation) -> np.ndarray:
    """The picture at the size that panels have: neither blocks nor large files."""
    return fit(explanation.picture, min_side=_SMALLEST, max_side=_LARGEST)


def _rows(
    explanation: Explanation,
    maps: Sequence[ExplanationMap],
    point: tuple[float, float],
) -> list[_Row]:
    rows = []
    for entry, name in zip(maps, _short([entry.place for entry in maps]), strict=True):
        panels = _panels(explanation, entry, point)
        label = "" if entry.size is None else f"{entry.size[0]} x {entry.size[1]}"
        # A map alone needs no name, least of all a module's.
        if len(maps) > 1 or "." not in entry.place:
            label = f"{name.replace('_', ' ')}\n{label}"
        values = np.stack([panel.values for panel in panels])
        low, high = 0.0, float(values.max())
        if KINDS[entry.kind].ends_at_one:
            high = 1.0
        rows.append(_Row(label, panels, low, high if high > low else low + 1))
    if len(rows) > 1 and all(len(row.panels) == 1 for row in rows):
        # One panel a place: beside each other, and the place is the caption.
        panels = [
            row.panels[0]._replace(caption=row.label.replace("\n", ", "))
            for row in rows
        ]
        if KINDS[maps[0].kind].ends_at_one:
            return [_Row("", panels, 0.0, 1.0)]
        scaled = [
            panel._replace(values=panel.values / row.high)
            for panel, row in zip(panels, rows, strict=True)
        ]
        return [_Row("", scaled, 0.0, 1.0)]
    return rows


def _short(places: Sequence[str]) -> list[str]:
    """Names without the module that all of them begin with, a mean and its heads."""
    module = min(places, key=len)
    rest = [place[len(module) :] for place in places]
    if "." not in module or not all(
        place == module or place.startswith(f"{module}_head_") for place in places
    ):
        return list(places)
    return [part.lstrip("_") or "mean" for part in rest]


def _panels(
    explanation: Explanation, entry: ExplanationMap, point: tuple[float, float]
) -> list[_Panel]:
    if entry.has_query_places and entry.size is not None:
        row, column = explanation.cell_of(point, entry.size)
        values = explanation.on_picture(entry.values[row, column])
        return [_Panel(values, "", explanation.point_of((row, column), entry.size))]
    values = explanation.on_picture(entry.values)
    if values.ndim == 2:
        return [_Panel(values, "")]
    captions = entry.words if entry.axes[0] == "word" else entry.items
    return [_Panel(own, caption) for own, caption in zip(values, captions, strict=True)]


def _heat_maps(explanation: Explanation, rows: Sequence[_Row], unit: str) -> Figure:
    lines: list[tuple[_Row, list[_Panel]]] = []
    for row in rows:
        count = len(row.panels)
        parts = -(-count // _WIDEST)
        step = -(-count // parts)
        lines += [
            (row, row.panels[start : start + step]) for start in range(0, count, step)
        ]
    columns = 1 + max(len(panels) for _, panels in lines)
    height, width = explanation.mask.shape
    panel_height = _PANEL * min(max(height / width, 0.5), 1.6)
    figure = _figure(
        1.0 + _PANEL * columns, 0.45 + (panel_height + 0.34) * len(lines), explanation
    )
    grid = figure.subplots(len(lines), columns, squeeze=False)
    grey = np.repeat(
        _picture(explanation).mean(axis=2, keepdims=True).round() / 255, 3, axis=2
    )
    zoom = grey.shape[1] / width
    labelled: set[int] = set()
    for number, (own, (row, panels)) in enumerate(zip(grid, lines, strict=True)):
        for axes in own:
            axes.axis("off")
        if number == 0:
            own[0].imshow(draw_masked(explanation))
            _caption(own[0], "mask")
        for axes, panel in zip(own[1:], panels, strict=False):
            _heat(axes, panel, row, grey, zoom)
        if id(row) not in labelled and row.label:
            labelled.add(id(row))
            own[1].text(
                -0.06,
                0.5,
                row.label,
                transform=own[1].transAxes,
                rotation=90,
                ha="right",
                va="center",
                fontsize=7,
                parse_math=False,
            )
        bar = figure.colorbar(_scale(row), ax=list(own), fraction=0.03, pad=0.01)
        bar.ax.tick_params(labelsize=6, length=2)
        bar.outline.set_linewidth(0.4)
        bar.set_label(unit, fontsize=6.5)
    return figure


def _scale(row: _Row) -> Any:
    from matplotlib.cm import ScalarMappable  # noqa: PLC0415
    from matplotlib.colors import Normalize  # noqa: PLC0415

    return ScalarMappable(Normalize(row.low, row.high), COLOR_MAP)


def _heat(axes: Axes, panel: _Panel, row: _Row, grey: np.ndarray, zoom: float) -> None:
    """Colours over the grey picture, the more the higher the number."""
    values = cv2.resize(panel.values, grey.shape[1::-1])
    colors = _scale(row).to_rgba(values)[..., :3]
    share = np.clip((values - row.low) / (row.high - row.low), 0, 1)
    opacity = (_FAINTEST + (_OPACITY - _FAINTEST) * np.sqrt(share))[..., None]
    axes.imshow((1 - opacity) * grey + opacity * colors)
    if panel.point is not None:
        y, x = (zoom * (place + 0.5) - 0.5 for place in panel.point)
        for color, size in (("black", 9), ("white", 7)):
            axes.plot(x, y, "o", mfc="none", mec=color, mew=1.4, markersize=size)
    _caption(axes, panel.caption)


def _table(
    explanation: Explanation,
    tables: Sequence[tuple[Sequence[ExplanationMap], np.ndarray]],
) -> Figure:
    words = tables[0][0][0].words
    cell = max(0.42, min(0.075 * max(map(len, words)) + 0.1, 1.0))
    height, width = explanation.mask.shape
    rows = max(len(values) for _, values in tables)
    picture_width = 1.9
    figure = _figure(
        picture_width + len(tables) * (cell * len(words) + 1.0),
        max(0.75 + 0.3 * rows, 0.7 + picture_width * min(height / width, 1.2)),
        explanation,
    )
    ratios = [picture_width] + [cell * len(words) + 0.8] * len(tables)
    first, *others = figure.subplots(1, 1 + len(tables), width_ratios=ratios)
    first.axis("off")
    first.imshow(draw_masked(explanation))
    for axes, (maps, values) in zip(others, tables, strict=True):
        axes.imshow(values, cmap=COLOR_MAP, vmin=0, vmax=values.max(), aspect="auto")
        rotation = 0 if cell < 1.0 else 30
        axes.set_xticks(
            range(len(words)), words, fontsize=7, rotation=rotation, parse_math=False
        )
        if len(maps) == 1 and values.shape[0] == len(words):
            axes.set_yticks(range(len(words)), words, fontsize=7, parse_math=False)
            _caption(axes, maps[0].place.replace("_", " "))
        else:
            labels = [entry.place.replace("_", " ") for entry in maps]
            axes.set_yticks(range(len(maps)), labels, fontsize=7, parse_math=False)
        axes.tick_params(length=0)
        for (row, column), value in np.ndenumerate(values):
            light = value > 0.6 * values.max()
            axes.text(
                column,
                row,
                f"{100 * value:.1f}",
                ha="center",
                va="center",
                fontsize=6.5,
                color="black" if light else "white",
            )
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


def _bars(explanation: Explanation, entry: ExplanationMap) -> Figure:
    height, width = explanation.mask.shape
    figure = _figure(
        6.2,
        max(1.1 + 0.26 * len(entry.words), 0.8 + 1.9 * min(height / width, 1.2)),
        explanation,
    )
    picture, axes = figure.subplots(1, 2, width_ratios=[1.9, 4.0])
    picture.axis("off")
    picture.imshow(draw_masked(explanation))
    places = np.arange(len(entry.words))
    left = np.zeros(len(places))
    for number, item in enumerate(entry.items):
        shares = 100 * entry.values[:, number]
        color = np.divide(_TYPE_COLORS[number % len(_TYPE_COLORS)], 255)
        axes.barh(places, shares, left=left, height=0.72, color=color, label=item)
        for place, share in enumerate(shares):
            if share >= 8:
                axes.text(
                    left[place] + share / 2,
                    place,
                    f"{share:.0f}",
                    ha="center",
                    va="center",
                    fontsize=6.5,
                    color="white" if number in (0, 1) else "black",
                )
        left += shares
    axes.set_yticks(places, entry.words, fontsize=8, parse_math=False)
    axes.set_xlim(0, 100)
    axes.set_xlabel("percent", fontsize=7)
    axes.tick_params(labelsize=7, length=2)
    axes.invert_yaxis()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(entry.items),
        fontsize=7,
        frameon=False,
        handlelength=1,
        columnspacing=1,
    )
    return figure


def _figure(width: float, height: float, explanation: Explanation) -> Figure:
    # Only here: the rest of the package works without drawing anything.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width, height), layout="constrained")
    title = drawable(explanation.expression)
    title = title if len(title) <= 90 else f"{title[:89].rstrip()}\u2026"
    figure.suptitle(f"\u201c{title}\u201d", fontsize=9, parse_math=False)
    return figure


def _caption(axes: Axes, text: str) -> None:
    text = drawable(text)
    text = text if len(text) <= 22 else f"{text[:21]}\u2026"
    axes.set_title(text, fontsize=8, pad=3, parse_math=False)


def heading(kind: str) -> str:
    """What figures of a kind show, a sentence for a caption.

    Args:
        kind: Key of ``KINDS``.
    """
    meaning = KINDS[kind].meaning
    return f"{KINDS[kind].title}: {meaning}."
