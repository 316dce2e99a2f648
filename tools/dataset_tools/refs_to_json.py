"""Converts refs(*).p, the pickles that REFER's datasets came in, to JSON or Parquet.

Nothing of a pickle is run. JSON lies beside it under the same name, where ReferDataset
takes it instead of the pickle. Parquet has one row a reference, for other programs;
it needs pyarrow.

Example:
    python tools/dataset_tools/refs_to_json.py data/refcoco
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmris.datasets.refs_conversion import (
    FORMATS,
    find_pickles,
    read_references,
    write_references,
)
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Convert refs(*).p to JSON or Parquet.", allow_abbrev=False
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a refs(*).p, or a folder that holds some, or folders of them",
    )
    parser.add_argument("--format", choices=FORMATS, default="json")
    parser.add_argument(
        "--out-dir",
        type=Path,
        metavar="FOLDER",
        help="where to write; by default beside each pickle",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that are there"
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> int:
    """Convert all files."""
    targets: dict[Path, Path] = {}
    for path in (pickle for given in args.paths for pickle in find_pickles(given)):
        folder = path.parent if args.out_dir is None else args.out_dir
        target = folder / f"{path.stem}.{args.format}"
        if targets.setdefault(target, path) != path:
            raise ValueError(
                f"{path} and {targets[target]} would both become {target}; convert "
                "them one by one"
            )
        if target.exists() and not args.overwrite:
            raise FileExistsError(f"{target} is there already; --overwrite replaces it")
    for target, path in targets.items():
        references = read_references(path)
        write_references(references, target)
        sentences = sum(len(entry["sentences"]) for entry in references)
        print(f"{target}: {len(references)} references, {sentences} sentences")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 2 if something is wrong."""
    args = parse_args(argv)
    return run_tool(lambda: convert(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
