"""Converts annotations in COCO's format to own data, with the sentences that they have.

COCO's own annotations have none. Sentences are looked for in a field of each annotation
(--text annotation) or of each picture, about all of its objects (--text image), or are
the names of categories, each about all its objects in a picture (--text category). The
file is read as training reads it before it stays.

Example:
    python tools/dataset_tools/coco_to_mmris.py instances.json data/own/train.jsonl \
        --image-dir photos --text category --split train
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from mmris.datasets.conversion import (
    LeftOut,
    TextPlace,
    read_coco_entries,
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
        description="Convert COCO's format to own data.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("annotations", type=Path, help="file of instances")
    parser.add_argument("out", type=Path, help="file to write, ending in .jsonl")
    parser.add_argument(
        "--image-dir", type=Path, required=True, help="folder of the pictures"
    )
    parser.add_argument(
        "--text",
        choices=get_args(TextPlace),
        default="annotation",
        help="where the sentences are",
    )
    parser.add_argument(
        "--text-key", default="caption", help="field that has the sentences"
    )
    parser.add_argument("--split", help="split of all entries")
    parser.add_argument("--overwrite", action="store_true", help="replace the file")
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(argv)


def convert(args: argparse.Namespace) -> int:
    """Convert and print what was done."""
    left_out = LeftOut()
    entries = read_coco_entries(
        args.annotations, text=args.text, text_key=args.text_key, left_out=left_out
    )
    lines = write_entry_file(
        entries,
        args.out,
        image_dir=args.image_dir,
        split=args.split,
        overwrite=args.overwrite,
    )
    print("\n".join([*left_out.lines(), lines]))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 2 if the annotations cannot be converted."""
    args = parse_args(argv)
    return run_tool(lambda: convert(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
