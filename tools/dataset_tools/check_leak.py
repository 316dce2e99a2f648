"""Proves that a config trains on no picture that it is tested on, or lists those.

Compared are the training sets of the config, without what they hold out, with the
datasets of its validation and testing, all their other splits but those for training,
and what training holds out. Only annotation files are read. Exit code 1 if pictures are
shared, 2 if something cannot be read.

Example:
    python tools/dataset_tools/check_leak.py CONFIG --against refcoco_plus refcocog
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.registry import init_default_scope

from mmris.engine.leak_check import ConfigPictures, find_overlaps
from mmris.utils.config import load_config, load_dataset_file, switch_dataset
from mmris.utils.config_check import check_config
from mmris.utils.config_overrides import KeyValueAction, apply_overrides
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.datasets.picture_sets import PictureSet
    from mmris.engine.leak_check import Overlap

# Pictures named for each pair of sets; all are with --list and --json.
MAX_LISTED = 5


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Compare training pictures with test pictures.", allow_abbrev=False
    )
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="take the data of another dataset, as in tools/train.py",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="NAME",
        help="compare with these as well: files of configs/_base_/datasets without "
        ".py, or paths",
    )
    parser.add_argument(
        "--only-configured",
        action="store_true",
        help="leave out splits that the config does not name",
    )
    parser.add_argument(
        "--list", action="store_true", help="print all pictures that are shared"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result to this file")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="change values of the config, such as "
        "train_dataloader.dataset.data_root=data",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(argv)


def check(args: argparse.Namespace) -> int:
    """Compare and print."""
    cfg = load_config(args.config)
    if args.dataset is not None:
        switch_dataset(cfg, args.dataset)
    if args.cfg_options is not None:
        apply_overrides(cfg, args.cfg_options)
    check_config(cfg)
    init_default_scope(cfg.get("default_scope", "mmris"))
    others = [load_dataset_file(name, args.config) for name in args.against]
    with ConfigPictures(cfg) as pictures:
        train = pictures.train()
        tested = pictures.evaluation(other_splits=not args.only_configured, more=others)
    if not tested:
        raise ValueError(
            f"{args.config} tests on nothing. Name datasets to compare with: --against"
        )
    overlaps = find_overlaps(train, tested)
    if args.json is not None:
        text = json.dumps(as_json(overlaps), indent=2)
        Path(args.json).write_text(f"{text}\n", "utf-8")
    print(table(train, tested, overlaps))
    leaks = [overlap for overlap in overlaps if overlap.shared]
    for overlap in leaks:
        print(listed(overlap, None if args.list else MAX_LISTED))
    if leaks:
        number = len({key for overlap in leaks for key in overlap.shared})
        print(f"\nnot clean: {number:,} pictures are trained and tested on")
        return 1
    print("\nclean: no picture is trained and tested on")
    return 0


def table(
    train: Sequence[PictureSet],
    tested: Sequence[PictureSet],
    overlaps: Sequence[Overlap],
) -> str:
    """Numbers of pictures that sets share, evaluation sets down, training sets across.

    Args:
        train: Training sets.
        tested: Evaluation sets.
        overlaps: All pairs.
    """
    rows = [["", "pictures", *(f"in {own.title}" for own in train)]]
    rows.append(["", "", *(f"{len(own):,}" for own in train)])
    for other in tested:
        shared = [pair for pair in overlaps if pair.evaluation is other]
        numbers = (f"{len(pair.shared):,}" for pair in shared)
        rows.append([other.title, f"{len(other):,}", *numbers])
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        rest = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *rest[1:]]).rstrip())
    return "\n".join(lines)


def listed(overlap: Overlap, most: int | None) -> str:
    """Names of the pictures that two sets share.

    Args:
        overlap: The pair.
        most: So many of them; None for all.
    """
    names = [f"{collection} {number}" for collection, number in overlap.shared[:most]]
    rest = len(overlap.shared) - len(names)
    more = f" and {rest:,} more (--list)" if rest else ""
    return (
        f"\n{overlap.evaluation.title} in {overlap.train.title}: {', '.join(names)}"
        f"{more}"
    )


def as_json(overlaps: Sequence[Overlap]) -> list[dict[str, Any]]:
    """All pairs as plain data.

    Args:
        overlaps: The pairs.
    """
    return [
        {
            "train": overlap.train.title,
            "train_pictures": len(overlap.train),
            "evaluation": overlap.evaluation.title,
            "evaluation_pictures": len(overlap.evaluation),
            "shared": [list(key) for key in overlap.shared],
        }
        for overlap in overlaps
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Compare; 1 if pictures are shared, 2 if something cannot be read."""
    args = parse_args(argv)
    return run_tool(lambda: check(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
