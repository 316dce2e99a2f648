"""Unpacks the published archives into place and examines what came out.

Knows refcoco.zip, refcoco+.zip, refcocog.zip, refclef.zip and saiapr_tc-12.zip of the
REFER release, COCO's train2014.zip, and archives of gRefCOCO, RRSIS-D, ReferIt and
PhraseCut with the names that docs/en/data_preparation.md shows; zip and tar. Files that
are there are never replaced unasked, and a run that was stopped goes on. Archives with
links, paths that lead outside, or sizes that cannot be are refused. Exit code 1 if what
was unpacked is not the published data, 2 if an archive is refused.

Example:
    python tools/dataset_tools/prepare.py refcoco.zip train2014.zip --root data
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmris.datasets.archives import Archive, plan, unpack
from mmris.datasets.doctor import (
    Options,
    dataset_name,
    datasets_below,
    examine,
    number_of_findings,
    picture_folder,
    report_text,
)
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of each folder, so many places are shown.
MAX_LISTED = 3


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Unpack published archives into place.", allow_abbrev=False
    )
    parser.add_argument("archives", nargs="+", type=Path, help="zip or tar files")
    parser.add_argument(
        "--root", type=Path, default=Path("data"), help="folder of the data"
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files that differ from those of the archive",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would go where, write nothing"
    )
    parser.add_argument(
        "--no-check",
        action="store_true",
        help="do not examine what was unpacked (check_dataset.py does)",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(argv)


def show(places: Sequence[str], verb: str) -> None:
    """Print how many files of each folder something was done to.

    Args:
        places: Paths below the data root.
        verb: What was done.
    """
    folders: dict[str, list[str]] = {}
    for place in places:
        folders.setdefault(str(Path(place).parent), []).append(Path(place).name)
    for folder, names in folders.items():
        listed = ", ".join(names[:MAX_LISTED]) + (", ..." * (len(names) > MAX_LISTED))
        print(f"  {verb} {len(names):,} in {folder}: {listed}")


def prepare(args: argparse.Namespace) -> int:
    """Unpack and examine."""
    places: list[str] = []
    for path in args.archives:
        with Archive(path) as archive:
            print(f"{path}")
            if args.dry_run:
                planned = plan(archive)
                show([place for _, place in planned.targets], "would write")
                show(planned.passed_over, "would pass over")
                continue
            done = unpack(archive, args.root, overwrite=args.overwrite)
        show(done.written, "wrote")
        show(done.kept, "kept")
        show(done.passed_over, "passed over")
        places += done.written + done.kept
    if args.dry_run or args.no_check:
        return 0
    return examine_all(args.root, places)


def examine_all(root: Path, places: Sequence[str]) -> int:
    """Examine the datasets that files were unpacked for.

    Args:
        root: The data root.
        places: The files.
    """
    # ReferIt's files of queries lie in the data root itself.
    tops = {Path(place).parts[0] for place in places}
    touched = {re.sub(r"^referit_query_.*", "referit", top) for top in tops}
    reports = []
    for folder in datasets_below(root):
        name = dataset_name(folder)
        # Photographs belong to every dataset on them.
        if name not in touched and "images" not in touched:
            continue
        pictures = picture_folder(folder)
        if not pictures.is_dir():
            print(f"{name}: no pictures in {pictures} yet")
        options = Options(pictures=pictures.is_dir(), strict=True)
        reports += examine(root, [name], options)
    if not reports:
        print("no dataset to examine yet: its annotations are not there")
        return 0
    print()
    print(report_text(reports))
    return 1 if number_of_findings(reports)["error"] else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Unpack; 1 if what came out is not the published data, 2 if it is refused."""
    args = parse_args(argv)
    return run_tool(lambda: prepare(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
