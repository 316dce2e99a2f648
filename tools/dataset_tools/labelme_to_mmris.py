"""Converts what was drawn in labelme to own data.

The sentences of a shape are the lines of its description (--sentences description), or
its label, which then means all shapes of that label in the picture (--sentences label).
Shapes of the same label and group are one object. The file is read as training reads it
before it stays.

Example:
    python tools/dataset_tools/labelme_to_mmris.py photos data/own/train.jsonl \
        --split train
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from mmris.datasets.conversion import (
    LeftOut,
    SentenceField,
    read_labelme_entries,
    write_entry_file,
)
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        argv: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Convert labelme's files to own data.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "source", type=Path, help="one of labelme's .json files, or a folder of them"
    )
    parser.add_argument("out", type=Path, help="file to write, ending in .jsonl")
    parser.add_argument(
        "--sentences",
        choices=get_args(SentenceField),
        default="description",
        help="where the sentences are",
    )
    parser.add_argument("--split", help="split of all entries")
    parser.add_argument("--overwrite", action="store_true", help="replace the file")
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(argv)


def find_files(source: Path) -> list[Path]:
    """The files of a folder and of those below it, or the one file.

    Args:
        source: The folder or the file.

    Raises:
        FileNotFoundError: There is none.
    """
    files = sorted(source.rglob("*.json")) if source.is_dir() else [source]
    if not files or not files[0].is_file():
        raise FileNotFoundError(
            f"no .json file at {source}; give one of labelme's files, or a folder"
        )
    return files


def convert(args: argparse.Namespace) -> int:
    """Convert and print what was done."""
    left_out = LeftOut()
    entries = read_labelme_entries(
        find_files(args.source), sentences=args.sentences, left_out=left_out
    )
    line = write_entry_file(
        entries,
        args.out,
        image_dir=Path(),
        split=args.split,
        overwrite=args.overwrite,
    )
    print("\n".join([*left_out.lines(), line]))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 2 if the files cannot be converted."""
    args = parse_args(argv)
    return run_tool(lambda: convert(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
