"""Results of a study as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tables import OVERALL, metrics_of, summary

if TYPE_CHECKING:
    from pathlib import Path

    from .definition import Study
    from .results import StudyResults


def plot_study(study: Study, results: StudyResults, split: str, path: Path) -> None:
    """Draw mIoU of all rows, overall and by kind of expression, with error bars.

    Args:
        study: The study.
        results: Its results.
        split: The split.
        path: Picture to write.

    Raises:
        ValueError: No row has a result.
    """
    # Only here: the rest of the package works without drawing anything.
    from matplotlib.figure import Figure  # noqa: PLC0415

    metrics = metrics_of(study, results, split)
    rows = [row.name for row in study.rows if results.scores(row.name, split)]
    if not rows:
        raise ValueError(f"{results.path} has no result on {split} to draw")
    size = (2.2 + 1.7 * len(metrics), 1.2 + 0.32 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for panel, metric in zip(panels, metrics, strict=True):
        for row in rows:
            found = summary(results, row, split, metric)
            if found is not None:
                panel.barh(row, found.mean, color="#4c78a8")
                panel.errorbar(found.mean, row, xerr=found.deviation, color="black")
        panel.set_title(metric.partition("_")[2] or OVERALL, fontsize="medium")
        panel.set_xlim(0, 100)
    panels[0].invert_yaxis()
    figure.supxlabel(f"mIoU on {split}, percent; mean and standard deviation of seeds")
    figure.savefig(path, dpi=100)
