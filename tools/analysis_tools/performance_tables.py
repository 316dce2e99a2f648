"""Tables and pictures of files that tools/analysis_tools/benchmark.py wrote.

Without --page the tables are printed. With it they take the place of what stands on the
page between the lines

    <!-- benchmark: docs/en/benchmarks/cpu.json -->
    <!-- end of benchmark -->

for every file that the page names so, with paths from the current folder; files given
besides get a section of their own at the end. Pictures go beside the page, into the
folder "images", named after the files.

Example:
    python tools/analysis_tools/performance_tables.py --page docs/en/performance.md
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmris.benchmark import Record, read_record
from mmris.benchmark.plots import plot_systems
from mmris.benchmark.tables import sections
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECTION = re.compile(
    r"<!-- benchmark: (?P<file>\S+) -->\n.*?<!-- end of benchmark -->", re.DOTALL
)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Make tables and pictures of benchmark results.",
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="*", help="that benchmark.py --json wrote")
    parser.add_argument("--page", type=Path, help="Markdown page to bring up to date")
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(arguments)


def section(file: str, page: Path) -> str:
    """What stands on the page for one file.

    Args:
        file: The results.
        page: The page; the picture is written beside it.
    """
    record = read_record(file)
    picture = draw(record, file, page.parent / "images")
    return (
        f"<!-- benchmark: {file} -->\n\n{sections(record)}\n\n"
        f"![Time beside the backbone alone]({picture.relative_to(page.parent)})\n\n"
        "<!-- end of benchmark -->"
    )


def draw(record: Record, file: str, folder: Path) -> Path:
    """Write the picture of one file.

    Args:
        record: The results.
        file: Where they came from.
        folder: Where the picture goes.

    Returns:
        Its path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"benchmark_{Path(file).stem}.png"
    plot_systems(record, picture)
    return picture


def update(page: Path, files: Sequence[str]) -> None:
    """Bring a page up to date.

    Args:
        page: The page.
        files: Results that shall stand on it besides those that it names.
    """
    text = page.read_text(encoding="utf-8")
    named = [found["file"] for found in _SECTION.finditer(text)]
    text = _SECTION.sub(lambda found: section(found["file"], page), text)
    for file in files:
        if file not in named:
            text = f"{text.rstrip()}\n\n{section(file, page)}\n"
    page.write_text(text, encoding="utf-8")


def run(args: argparse.Namespace) -> int:
    """Print, or bring the page up to date.

    Args:
        args: The command line.

    Raises:
        ValueError: There is nothing to do.
    """
    if args.page is not None:
        update(args.page, args.files)
        return 0
    if not args.files:
        raise ValueError("no file is given; give results of benchmark.py, or --page")
    for file in args.files:
        print(f"{sections(read_record(file))}\n")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: run(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
