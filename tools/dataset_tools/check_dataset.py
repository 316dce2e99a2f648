"""Examines datasets on disk: counts, pictures, masks, ids and sentences.

Reads every dataset below a folder in the layout of REFER, gRefCOCO, ReferIt or
PhraseCut, compares its counts with the published ones, and finds pictures that are
missing or broken, masks that are empty or outside, ids that stand twice, sentences
without a word. Exit code 1 if there is an error, 2 if there is nothing to examine.

Example:
    python tools/dataset_tools/check_dataset.py data --json report.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmris.datasets.doctor import Options, examine, number_of_findings, report_text
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Examine datasets on disk.", allow_abbrev=False
    )
    parser.add_argument(
        "root", type=Path, help="folder of the data, or of one dataset, such as data"
    )
    parser.add_argument(
        "--datasets",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only these folders, such as refcoco refcoco+",
    )
    parser.add_argument(
        "--image-dir",
        metavar="FOLDER",
        help="folder of the pictures below the data root, or an absolute path",
    )
    parser.add_argument(
        "--no-pictures", action="store_true", help="look at the annotations alone"
    )
    parser.add_argument(
        "--decode",
        action="store_true",
        help="decode every picture; without it only headers and ends are read",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="expect the published data: any other count is an error",
    )
    parser.add_argument("--json", metavar="FILE", help="write the report to this file")
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(argv)


def check(args: argparse.Namespace) -> int:
    """Examine and print."""
    options = Options(
        image_dir=args.image_dir,
        pictures=not args.no_pictures,
        decode=args.decode,
        strict=args.strict,
    )
    reports = examine(args.root, args.datasets, options)
    numbers = number_of_findings(reports)
    if args.json is not None:
        content = {
            "root": str(args.root),
            "findings": numbers,
            "datasets": [report.to_json() for report in reports],
        }
        Path(args.json).write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    print(report_text(reports))
    return 1 if numbers["error"] else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Examine; 1 if there is an error, 2 if there is nothing to examine."""
    args = parse_args(argv)
    return run_tool(lambda: check(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
