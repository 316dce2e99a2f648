"""Scores stored predictions by the rules of one project or of all, without a model.

Example:
    python tools/analysis_tools/score.py predictions.jsonl data/refcoco --split val \
        --protocol all
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from mmris.evaluation import (
    bootstrap_intervals,
    category_names,
    find_protocols,
    read_ground_truth,
    read_predictions,
    score_predictions,
)
from mmris.evaluation.annotation_options import add_annotation_options, open_chosen
from mmris.evaluation.boundary_scores import boundary_scores
from mmris.evaluation.breakdowns import check_breakdowns
from mmris.utils.atomic_files import write_atomically
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.datasets import BaseRefDataset
    from mmris.evaluation import Predictions, ScoreTable


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Score stored predictions.", allow_abbrev=False
    )
    parser.add_argument("predictions", help="file of tools/test.py --out, or as COCO's")
    add_annotation_options(parser)
    parser.add_argument(
        "--partial",
        action="store_true",
        help="leave out sentences without a mask, as in the part file of a stopped run",
    )
    parser.add_argument(
        "--protocol",
        nargs="+",
        default=["mmris"],
        metavar="NAME",
        help="whose rules: all, or names such as mmris, lavt, cris, mmdet",
    )
    parser.add_argument(
        "--breakdown",
        nargs="+",
        default=[],
        metavar="NAME",
        help="groups of sentences: kind, size, share, category, location, targets, "
        "distractors, words_refcoco, words_refcocog, words_referit",
    )
    parser.add_argument(
        "--intervals", action="store_true", help="add bootstrap intervals of 95 percent"
    )
    parser.add_argument("--boundary", action="store_true", help="add boundary IoU")
    parser.add_argument("--json", metavar="FILE", help="write the scores to this file")
    return parser.parse_args(argv)


def score(args: argparse.Namespace) -> int:
    """Score and print."""
    check_breakdowns(args.breakdown, "--breakdown")
    predictions = read_predictions(args.predictions)
    protocols = find_protocols(
        args.protocol, has_soft_scores=predictions.has_soft_scores
    )
    dataset = open_chosen(args)
    tables = score_predictions(
        predictions, read_ground_truth(dataset), protocols, partial=args.partial
    )
    report = {name: _scores(table, args) for name, table in tables.items()}
    if args.boundary:
        bands = boundary_scores(
            predictions, read_ground_truth(dataset), partial=args.partial
        )
        report["boundary"] = {"scores": bands}
    _print_header(predictions)
    _print_scores(report)
    if args.protocol == ["all"] and not predictions.has_soft_scores:
        print(
            "\nProtocols that make masks at a size or threshold of their own are left "
            "out: they need predictions of tools/test.py --out FILE --soft-scores."
        )
    # Of all protocols the groups are in the file; printed are those of the first.
    shown = list(report)[:1] if args.protocol == ["all"] else list(report)
    for name in shown:
        if "groups" in report[name]:
            _print_groups(name, report[name]["groups"], dataset)
    if args.json is not None:
        content = {"header": predictions.header, "protocols": report}
        text = json.dumps(content, indent=2) + "\n"
        write_atomically(args.json, text.encode())
    return 0


def _scores(table: ScoreTable, args: argparse.Namespace) -> dict[str, Any]:
    scores = table.scores()
    entry: dict[str, Any] = {
        "of": table.protocol.of,
        "sentences": len(table.counts),
        "scores": scores,
        "reported": [name for name in scores if name in table.protocol.reports],
    }
    if args.intervals:
        entry["intervals"] = {
            name: [interval.low, interval.high]
            for name, interval in bootstrap_intervals(table).items()
        }
    if args.breakdown:
        entry["groups"] = table.broken_down(args.breakdown)
    return entry


def _print_header(predictions: Predictions) -> None:
    header = predictions.header
    print(f"{predictions.path}: {len(predictions.place)} masks")
    for key in ("config", "checkpoint", "split"):
        if header.get(key):
            print(f"{key}: {header[key]}")


def _print_scores(report: dict[str, dict[str, Any]]) -> None:
    names = list(
        dict.fromkeys(name for entry in report.values() for name in entry["scores"])
    )
    rows = [["protocol", "sentences", *names]]
    some_unreported = False
    for name, entry in report.items():
        reported = entry.get("reported", entry["scores"])
        cells = []
        for key in names:
            value = entry["scores"].get(key)
            cell = "" if value is None else f"{value:.2f}"
            if cell and key not in reported:
                cell, some_unreported = f"({cell})", True
            cells.append(cell)
        rows.append([name, str(entry.get("sentences", "")), *cells])
        if "intervals" in entry:
            ends = [entry["intervals"].get(key) for key in names]
            spans = ["" if x is None else f"{x[0]:.1f}-{x[1]:.1f}" for x in ends]
            rows.append(["  95 %", "", *spans])
    _print_table(rows)
    if some_unreported:
        print("\n(In brackets: by the rules of a program that does not print it.)")


def _print_groups(
    protocol: str, groups: dict[str, dict[str, float]], dataset: BaseRefDataset
) -> None:
    names = category_names(dataset)
    rows = [[f"{protocol}: group", "sentences", "oIoU", "mIoU"]]
    for label, values in groups.items():
        number = label.removeprefix("category_")
        named = names.get(int(number)) if number.isdigit() else None
        rows.append(
            [
                f"{label} ({named})" if named else label,
                str(values["sentences"]),
                f"{values['oIoU']:.2f}",
                f"{values['mIoU']:.2f}",
            ]
        )
    _print_table(rows)


def _print_table(rows: list[list[str]]) -> None:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    print()
    for row in rows:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(widths[k]) for k, cell in enumerate(row) if k]
        print("  ".join([first, *rest]).rstrip())


def main(argv: Sequence[str] | None = None) -> int:
    """Score; 2 if something is wrong."""
    args = parse_args(argv)
    return run_tool(lambda: score(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
