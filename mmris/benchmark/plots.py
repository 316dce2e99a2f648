"""Benchmark results as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .passes import BACKBONE, EXPRESSION, HEAD, IMAGE, TEXT, WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from .record import Record

_PARTS = (TEXT, IMAGE, EXPRESSION, HEAD)


def plot_systems(record: Record, path: Path) -> None:
    """Bars of the parts' times in multiples of the backbone alone, a config a bar.

    Inference in the first mode and with the fewest expressions that each config was
    measured with; a dash marks the ratio of the floating-point operations.

    Args:
        record: The results of a run.
        path: Picture to write.

    Raises:
        ValueError: There is no measurement of inference that is not compiled.
    """
    # Only here: the rest of the package works without drawing anything.
    from matplotlib.figure import Figure  # noqa: PLC0415

    entries = _first_of_each(record)
    if not entries:
        raise ValueError(
            f"{record.path} has no measurement of inference without torch.compile, "
            "which the picture shows; run benchmark.py with --modes eager"
        )
    figure = Figure(figsize=(8, 1.7 + 0.45 * len(entries)), layout="constrained")
    axes = figure.subplots()
    names = [entry["config"].partition("_")[0] for entry in entries]
    left = [0.0] * len(entries)
    for part in _PARTS:
        widths = [_relative_time(entry, part) for entry in entries]
        axes.barh(names, widths, left=left, label=part)
        left = [one + other for one, other in zip(left, widths, strict=True)]
    work = [_relative_work(entry) for entry in entries]
    axes.plot(work, names, "k|", markersize=16, label="floating-point operations")
    axes.axvline(1.0, color="gray", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("times the backbone alone")
    figure.legend(loc="outside upper center", ncols=3, fontsize="small")
    figure.savefig(path, dpi=100)


def plot_growth(
    lines: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], path: Path
) -> None:
    """Times over numbers of positions and of words, both scales logarithmic.

    Args:
        lines: By what grows, then by the config: how many there are and milliseconds.
        path: Picture to write.
    """
    # Only here: the rest of the package works without drawing anything.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots(1, len(lines), squeeze=False)[0]
    labels = {"positions": "pixels of the picture", "words": "words"}
    for panel, (axis, systems) in zip(axes, lines.items(), strict=True):
        for config, points in systems.items():
            name = config.partition("_")[0]
            panel.loglog(*zip(*points, strict=True), marker="o", label=name)
        panel.set_xlabel(labels.get(axis, axis))
        places = {place for points in systems.values() for place, _ in points}
        _label_places(panel, places)
    axes[0].set_ylabel("milliseconds of the neck")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize="small")
    figure.savefig(path, dpi=100)


def plot_forms(
    lines: Mapping[str, Sequence[tuple[float, float, float]]], path: Path
) -> None:
    """Time and memory of forms of one module over the size of the map.

    Args:
        lines: By the form: side of the map, milliseconds, MB; all positive.
        path: Picture to write.
    """
    # Only here: the rest of the package works without drawing anything.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    for form, points in lines.items():
        sides = [point[0] for point in points]
        for number, panel in enumerate(panels, 1):
            values = [point[number] for point in points]
            panel.loglog(sides, values, marker="o", label=form)
    for panel, label in zip(panels, ("milliseconds", "MB"), strict=True):
        panel.set_xlabel("side of the map")
        panel.set_ylabel(label)
        places = {point[0] for points in lines.values() for point in points}
        _label_places(panel, places)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=100)


def _label_places(panel: Any, places: Iterable[float]) -> None:
    """Plain numbers: where something was measured, and the decades' parts upwards."""
    ordered = sorted(places)
    panel.set_xticks(ordered, [f"{place:g}" for place in ordered])
    panel.set_xticks([], minor=True)
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter("{x:g}")
    panel.tick_params(axis="y", which="minor", labelsize="x-small")
    panel.grid(visible=True, which="both", alpha=0.3)


def _first_of_each(record: Record) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for entry in record.measurements:
        if entry["phase"] == "inference" and not entry["mode"]["compiled"]:
            found.setdefault(entry["config"], entry)
    return list(found.values())


def _relative_time(entry: dict[str, Any], part: str) -> float:
    return float(entry["parts"][part]["ratio"])


def _relative_work(entry: dict[str, Any]) -> float:
    parts = entry["parts"]
    return float(parts[WHOLE]["gflop"] / parts[BACKBONE]["gflop"])
