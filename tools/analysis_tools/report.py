"""A report of stored predictions, or a comparison of two, as one HTML file.

Scores with bootstrap intervals, breakdowns, and pictures of the best, the worst and
random sentences; of two runs the differences with a paired test and the sentences that
changed most.

Example:
    python tools/analysis_tools/report.py predictions.jsonl data/refcoco --split val \
        --out report.html
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmris.evaluation import (
    category_names,
    find_protocols,
    read_ground_truth,
    read_predictions,
    score_predictions,
)
from mmris.evaluation.annotation_options import add_annotation_options, open_chosen
from mmris.evaluation.breakdowns import check_breakdowns
from mmris.evaluation.report import Run, check_report_options, write_report
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Write a report of predictions.", allow_abbrev=False
    )
    parser.add_argument("predictions", help="file of tools/test.py --out, or as COCO's")
    add_annotation_options(parser)
    parser.add_argument(
        "--compare", metavar="FILE", help="predictions of another run to compare with"
    )
    parser.add_argument("--out", default="report.html", metavar="FILE")
    parser.add_argument(
        "--breakdown",
        nargs="*",
        default=["kind", "words_refcoco", "size", "location", "distractors"],
        metavar="NAME",
        help="groups of sentences, as of score.py",
    )
    parser.add_argument(
        "--cases", type=int, default=6, metavar="N", help="sentences of each gallery"
    )
    return parser.parse_args(argv)


def report(args: argparse.Namespace) -> int:
    """Score and write."""
    check_breakdowns(args.breakdown, "--breakdown")
    out = Path(args.out)
    check_report_options(out, args.cases)
    dataset = open_chosen(args)
    paths = [args.predictions, *([args.compare] if args.compare else [])]
    runs = []
    for path, name in zip(paths, run_names(paths), strict=True):
        predictions = read_predictions(path)
        (protocol,) = find_protocols(["mmris"], has_soft_scores=False)
        tables = score_predictions(predictions, read_ground_truth(dataset), [protocol])
        runs.append(Run(name, predictions, tables[protocol.name]))
    write_report(
        out,
        runs,
        dataset,
        breakdowns=args.breakdown,
        num_cases=args.cases,
        category_names=category_names(dataset),
    )
    print(f"written: {args.out}")
    return 0


def run_names(paths: Sequence[str]) -> list[str]:
    """Short names of runs that differ: the file's, with its folder, or the whole path.

    Args:
        paths: Of their predictions.
    """
    files = [Path(path).absolute() for path in paths]
    for names in (
        [file.stem for file in files],
        [f"{file.parent.name}/{file.stem}" for file in files],
        [str(file) for file in files],
    ):
        if len(set(names)) == len(names):
            return names
    return [f"{file.stem} ({place})" for place, file in enumerate(files, start=1)]


def main(argv: Sequence[str] | None = None) -> int:
    """Report; 2 if something is wrong."""
    args = parse_args(argv)
    return run_tool(lambda: report(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
