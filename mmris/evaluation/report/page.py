"""The page of a report: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from mmris.evaluation.bootstrap import (
    RESAMPLES,
    bootstrap_intervals,
    paired_differences,
)
from mmris.evaluation.breakdowns import group_rows
from mmris.utils.atomic_files import write_atomically

from .cases import choose_cases, choose_changes, draw_cases
from .charts import Bar, bar_chart, histogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from mmris.datasets import BaseRefDataset
    from mmris.evaluation.prediction_file import Predictions
    from mmris.evaluation.rescoring import ScoreTable

    from .cases import Case

# Of the intervals of groups, which are many and only seen, not read.
_GROUP_RESAMPLES = 400
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 1060px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .3em .8em; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
td.name { text-align: left; white-space: nowrap; }
td.text { text-align: left; overflow-wrap: anywhere; }
svg { width: 100%; max-width: 720px; display: block; font-size: 12px; }
.grid { stroke: #ddd; fill: none; } .interval { stroke: #111; fill: none; }
.cases { display: flex; flex-wrap: wrap; gap: 1em; }
figure { margin: 0; max-width: 100%; } figure img { max-width: 100%; display: block; }
figcaption { max-width: 490px; font-size: 13px; }
.note { color: #555; font-size: 13px; }
.first { color: #0072b2; } .second { color: #b06f00; }
"""
_GALLERIES = {
    "best": "The best",
    "worst": "The worst",
    "random": "At random",
    "gained": "Gained most",
    "lost": "Lost most",
}


@dataclass(frozen=True)
class Run:
    """Predictions and what they scored.

    Attributes:
        name: How the page calls them.
        predictions: The masks.
        table: Their counts.
    """

    name: str
    predictions: Predictions
    table: ScoreTable


def write_report(
    path: Path,
    runs: Sequence[Run],
    dataset: BaseRefDataset,
    *,
    breakdowns: Iterable[str],
    num_cases: int,
    category_names: Mapping[int, str],
) -> None:
    """Write the page.

    Args:
        path: The file.
        runs: One run, or two to compare, of the same sentences.
        dataset: Their annotations.
        breakdowns: Keys of ``BREAKDOWNS``.
        num_cases: How many sentences each gallery shows.
        category_names: Names of categories by number.
    """
    first = runs[0]
    galleries = choose_cases(first.table, num_cases)
    if len(runs) == 2:
        changes = choose_changes(first.table, runs[1].table, num_cases)
        galleries = {**changes, "random": _of_both(galleries["random"], runs)}
    sent_ids = {case.sent_id for cases in galleries.values() for case in cases}
    drawn = draw_cases(dataset, [run.predictions for run in runs], sent_ids)
    title = " and ".join(run.name for run in runs)
    parts = [
        f"<h1>{escape(title)}</h1>",
        _origins(runs),
        "<h2>Scores</h2>",
        _score_table(runs) if len(runs) == 1 else _difference_table(runs),
        "<h2>Intersection over union of the sentences</h2>",
        _legend(runs),
        histogram([run.table.iou for run in runs], caption="Sentences by I / U"),
        *_groups(runs, breakdowns, category_names),
        *_galleries(galleries, drawn, runs),
    ]
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )
    write_atomically(path, page.encode("utf-8"))


def _of_both(cases: Sequence[Case], runs: Sequence[Run]) -> list[Case]:
    tables = [
        dict(zip(run.table.sent_ids, run.table.iou.tolist(), strict=True))
        for run in runs
    ]
    return [
        type(case)(case.sent_id, tuple(table[case.sent_id] for table in tables))
        for case in cases
    ]


def _origins(runs: Sequence[Run]) -> str:
    keys = ("config", "checkpoint", "checkpoint_sha256", "dataset", "split", "test_cfg")
    rows = []
    for run in runs:
        images = len(set(run.table.image.tolist()))
        rows.append(
            ("sentences", f"{len(run.table.counts)} of {images} images", run.name)
        )
        rows += [
            (key, str(run.predictions.header[key]), run.name)
            for key in keys
            if run.predictions.header.get(key) is not None
        ]
    several = len(runs) > 1
    lines = [
        f"<tr><td>{escape(key)}</td>"
        + (f'<td class="name">{escape(name)}</td>' if several else "")
        + f'<td class="text">{escape(value)}</td></tr>'
        for key, value, name in rows
    ]
    return f"<table>{''.join(lines)}</table>"


def _score_table(runs: Sequence[Run]) -> str:
    (run,) = runs
    intervals = bootstrap_intervals(run.table)
    extra = {k: v for k, v in run.table.scores().items() if k not in intervals}
    lines = [
        f"<tr><td>{name}</td><td>{entry.value:.2f}</td>"
        f"<td>{entry.low:.2f} to {entry.high:.2f}</td></tr>"
        for name, entry in intervals.items()
    ]
    lines += [
        f"<tr><td>{name}</td><td>{value:.2f}</td><td></td></tr>"
        for name, value in extra.items()
    ]
    head = "<tr><th>score</th><th>percent</th><th>95 % interval</th></tr>"
    return (
        f"<table>{head}{''.join(lines)}</table>"
        f'<p class="note">Intervals: bootstrap over images, {RESAMPLES} draws.</p>'
    )


def _difference_table(runs: Sequence[Run]) -> str:
    first, second = runs
    before = bootstrap_intervals(first.table)
    after = bootstrap_intervals(second.table)
    differences = paired_differences(first.table, second.table)
    lines = [
        f"<tr><td>{name}</td><td>{before[name].value:.2f}</td>"
        f"<td>{after[name].value:.2f}</td><td>{entry.value:+.2f}</td>"
        f"<td>{entry.low:+.2f} to {entry.high:+.2f}</td>"
        f"<td>{entry.p_value:.4f}</td></tr>"
        for name, entry in differences.items()
    ]
    head = (
        f'<tr><th>score</th><th class="first">{escape(first.name)}</th>'
        f'<th class="second">{escape(second.name)}</th><th>difference</th>'
        "<th>95 % interval</th><th>p</th></tr>"
    )
    return (
        f"<table>{head}{''.join(lines)}</table>"
        '<p class="note">Paired over images: the interval from '
        f"{RESAMPLES} bootstrap draws, p from {RESAMPLES} random exchanges of the "
        "runs.</p>"
    )


def _legend(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return ""
    names = zip(("first", "second"), runs, strict=True)
    words = ", ".join(
        f'<span class="{place}">&#9632; {escape(run.name)}</span>'
        for place, run in names
    )
    return f"<p>{words}</p>"


def _groups(
    runs: Sequence[Run], breakdowns: Iterable[str], names: Mapping[int, str]
) -> list[str]:
    parts = []
    for breakdown in breakdowns:
        by_run = [group_rows([breakdown], run.table.facts) for run in runs]
        rows = []
        for label, places in by_run[0].items():
            bars = []
            for run, groups in zip(runs, by_run, strict=True):
                part = run.table.rows(groups[label])
                entry = bootstrap_intervals(part, resamples=_GROUP_RESAMPLES)["mIoU"]
                bars.append(Bar(entry.value, entry.low, entry.high))
            number = label.removeprefix("category_")
            shown = names.get(int(number), label) if number.isdigit() else label
            rows.append((f"{shown} ({len(places)})", bars))
        if rows:
            caption = f"mIoU by {breakdown}"
            parts += [
                f"<h2>{escape(caption)}</h2>",
                _legend(runs),
                bar_chart(rows, caption=caption),
            ]
    return parts


def _galleries(
    galleries: Mapping[str, Sequence[Case]],
    drawn: Mapping[int, tuple[str, str]],
    runs: Sequence[Run],
) -> list[str]:
    order = ", ".join([*(run.name for run in runs), "truth"])
    parts = []
    for key, cases in galleries.items():
        parts.append(f"<h2>{_GALLERIES[key]}</h2>")
        parts.append(f'<p class="note">From left to right: {escape(order)}.</p>')
        figures = []
        for case in cases:
            text, picture = drawn[case.sent_id]
            scores = ", then ".join(f"{100 * value:.1f}" for value in case.ious)
            figures.append(
                f'<figure><img src="{picture}" alt="prediction and truth">'
                f"<figcaption>{escape(text)}<br>"
                f'<span class="note">I / U {scores}; sent_id {case.sent_id}</span>'
                "</figcaption></figure>"
            )
        parts.append(f'<div class="cases">{"".join(figures) or "None."}</div>')
    return parts
