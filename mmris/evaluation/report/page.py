"""The page of a report: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mmris.evaluation.breakdowns import group_rows
from mmris.utils.atomic_files import write_atomically
from mmris.version import __version__

from .cases import choose_cases, choose_changes, draw_cases
from .charts import RUNS, histogram
from .gallery import galleries
from .labels import breakdown_title
from .scores import about, group_chart, score_section
from .style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from mmris.datasets import BaseRefDataset

    from .cases import Case
    from .run import Run

# Browsers load and run nothing, whatever a sentence or a file name may hold.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def check_report_options(path: Path, num_cases: int) -> None:
    """Refuse options before anything is scored.

    Args:
        path: ``--out``.
        num_cases: ``--cases``.

    Raises:
        ValueError: The name is not one of HTML, or the number is negative.
    """
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"--out {path}: a report is HTML; give a name in .html")
    if num_cases < 0:
        raise ValueError(f"--cases {num_cases}: give the number of sentences to show")


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
    chosen = _choose(runs, num_cases)
    sent_ids = {case.sent_id for cases in chosen.values() for case in cases}
    drawing = draw_cases(dataset, [run.predictions for run in runs], sent_ids)
    names = [run.name for run in runs]
    charts = _groups(runs, breakdowns, category_names)
    sections = {
        "scores": ("Scores", score_section(runs, _histogram(runs))),
        "groups": ("Groups of sentences", charts),
        **galleries(chosen, drawing, names),
        "about": ("About the runs" if len(runs) > 1 else "About the run", about(runs)),
    }
    shown = {key: entry for key, entry in sections.items() if entry[1]}
    title = " and ".join(names)
    links = "".join(
        f'<a href="#{key}">{escape(heading)}</a>' for key, (heading, _) in shown.items()
    )
    body = "\n".join(
        f'<section id="{key}" aria-labelledby="{key}-heading">'
        f'<h2 id="{key}-heading">{escape(heading)}</h2>\n{content}</section>'
        for key, (heading, content) in shown.items()
    )
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header><div class="wrap">{_heading(runs)}'
        f'<nav aria-label="Sections">{links}</nav></div></header>\n'
        f'<main class="wrap">\n{body}\n</main>\n'
        f'<footer class="wrap">Made by mmris {__version__}.</footer>\n'
        "</body>\n</html>\n"
    )
    write_atomically(path, page.encode("utf-8", "replace"))


def _choose(runs: Sequence[Run], count: int) -> dict[str, list[Case]]:
    cases = choose_cases(runs[0].table, count)
    if len(runs) == 1:
        return cases
    changes = choose_changes(runs[0].table, runs[1].table, count)
    tables = [
        dict(zip(run.table.sent_ids, run.table.iou.tolist(), strict=True))
        for run in runs
    ]
    some = [
        type(case)(case.sent_id, tuple(table[case.sent_id] for table in tables))
        for case in cases["random"]
    ]
    return {**changes, "random": some}


def _heading(runs: Sequence[Run]) -> str:
    names = " and ".join(
        f'<span class="{place}">{escape(run.name)}</span>'
        if len(runs) > 1
        else escape(run.name)
        for place, run in zip(RUNS, runs, strict=False)
    )
    table = runs[0].table
    images = len(set(table.image.tolist()))
    facts = [f"{len(table.counts):,} sentences of {images:,} images"]
    split = runs[0].predictions.header.get("split")
    if split:
        facts.append(f"split {split}")
    nothing = int((~table.targeted).sum())
    if nothing:
        facts.append(f"{nothing:,} sentences without target")
    kind = "Comparison of two runs" if len(runs) > 1 else "Report of a run"
    return (
        f'<p class="note">{kind}</p><h1>{names}</h1>'
        f'<p class="note">{escape(", ".join(facts))}</p>'
    )


def legend(names: Sequence[str]) -> str:
    """Which color is which run; nothing where there is one.

    Args:
        names: Of the runs.
    """
    if len(names) == 1:
        return ""
    words = " &nbsp; ".join(
        f'<span class="{place}">&#9632; {escape(name)}</span>'
        for place, name in zip(RUNS, names, strict=True)
    )
    return f"<p>{words}</p>"


def _histogram(runs: Sequence[Run]) -> str:
    caption = "Sentences by intersection over union (IoU) in percent"
    chart = histogram([run.table.iou for run in runs], caption=caption)
    return (
        f'<div class="panel"><h3>{caption}</h3>'
        f"{legend([run.name for run in runs])}{chart}</div>"
    )


def _groups(
    runs: Sequence[Run], breakdowns: Iterable[str], names: Mapping[int, str]
) -> str:
    panels = []
    for breakdown in breakdowns:
        by_run = [group_rows([breakdown], run.table.facts) for run in runs]
        if not by_run[0]:
            continue
        panels.append(
            f'<div class="panel"><h3>mIoU by {escape(breakdown_title(breakdown))}</h3>'
            f"{group_chart(runs, by_run, breakdown, names)}</div>"
        )
    if not panels:
        return ""
    note = "Grey numbers: sentences of the group. Dark lines: 95 % intervals."
    shown = legend([run.name for run in runs])
    return (
        f'<p class="note">{note}</p>{shown}<div class="groups">{"".join(panels)}</div>'
    )
