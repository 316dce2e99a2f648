"""How the loss of runs went down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from .definition import Study
    from .results import StudyResults

POINTS = 30
# More of them nobody can tell apart.
MAX_CURVES = 20


def read_curve(folder: Path, *, points: int = POINTS) -> list[tuple[int, float]]:
    """The training loss of a run.

    Args:
        folder: The run's; a run that was resumed wrote several logs into it.
        points: Most that are kept; each is the mean of what lies around it.

    Returns:
        Iterations and losses.
    """
    losses: dict[int, float] = {}
    for log in sorted(folder.glob("*/vis_data/scalars.json")):
        for line in log.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if "loss" in entry:  # others are of validations
                losses[entry["step"]] = entry["loss"]
    steps = np.asarray(sorted(losses), dtype=np.int64)
    parts = np.array_split(steps, min(points, max(len(steps), 1)))
    return [
        (int(part[-1]), round(float(np.mean([losses[step] for step in part])), 4))
        for part in parts
        if len(part)
    ]


def plot_curves(study: Study, results: StudyResults, path: Path) -> bool:
    """Draw the training losses of all rows, means over seeds.

    A row that another is compared with has the colour of the first that is, and is
    dashed.

    Args:
        study: The study.
        results: Its results.
        path: Picture to write.

    Returns:
        Whether there was anything to draw, and not too much.
    """
    # Only here: the rest of the package works without drawing anything.
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    curves = {row.name: _mean_curve(results, row.name) for row in study.rows}
    curves = {name: curve for name, curve in curves.items() if curve}
    if not curves or len(study.rows) > MAX_CURVES:
        return False
    partners = {row.against: row.name for row in reversed(study.rows) if row.against}
    leaders = [name for name in curves if name not in partners]
    palette = colormaps["tab10" if len(leaders) <= 10 else "tab20"]
    colours = {name: palette(number) for number, name in enumerate(leaders)}
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    panel = figure.subplots()
    for name, curve in curves.items():
        is_partner = name in partners
        panel.plot(
            *zip(*curve, strict=True),
            color=colours.get(partners.get(name, name), "grey"),
            linestyle="--" if is_partner else "-",
            label=name,
        )
    panel.set_xlabel("iteration")
    panel.set_ylabel("training loss, mean of seeds")
    panel.set_yscale("log")  # losses have different terms, and more or fewer
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path, dpi=100)
    return True


def _mean_curve(results: StudyResults, row: str) -> list[tuple[int, float]]:
    """Of the seeds that have the same iterations as the first."""
    runs = [
        run["curve"] for run in results.runs.get(row, {}).values() if "curve" in run
    ]
    if not runs:
        return []
    steps = [step for step, _ in runs[0]]
    alike = [run for run in runs if [step for step, _ in run] == steps]
    means = np.mean([[loss for _, loss in run] for run in alike], axis=0)
    return list(zip(steps, means.tolist(), strict=True))
