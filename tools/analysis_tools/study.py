"""Trains the rows of a study alike, with several seeds, and compares their scores.

A study is a JSON file: title, iterations, seeds, splits, and rows, each with a name, a
config and changes to it (see docs/en/study.md). Every run has a folder of its own and
is scored with its last weights. Scores go to a small file beside the study as they
come; started again after a stop the tool goes on where it was, and finished runs are
kept.
With --page, table, picture and comparisons are put on a page between the lines

    <!-- study: docs/en/studies/NAME.json -->
    <!-- end of study -->

Example:
    python tools/analysis_tools/study.py docs/en/studies/systems.json --time-limit 3600
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmris.benchmark import Deadline, describe_machine
from mmris.studies import (
    Row,
    Study,
    StudyResults,
    comparisons,
    fingerprint,
    grid_table,
    plot_curves,
    plot_study,
    read_curve,
    read_results,
    read_study,
    row_config,
    study_table,
)
from mmris.utils.seed_runs import check_same_options, read_json, start_words
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECTION = re.compile(
    r"<!-- study: (?P<file>\S+) -->\n.*?<!-- end of study -->", re.DOTALL
)
# Where the tools train, if no config says otherwise.
_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
_TOOLS = Path(__file__).resolve().parents[1]


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Train the rows of a study and compare them.", allow_abbrev=False
    )
    parser.add_argument("study", nargs="?", type=Path, help="its JSON file")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="scores of the runs; STUDY.results.json beside the study if not given",
    )
    parser.add_argument(
        "--work-dir", type=Path, help="folder of the runs; work_dirs/STUDY"
    )
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--seeds", nargs="+", type=int, help="only these")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    parser.add_argument(
        "--time-limit", type=float, metavar="SECONDS", help="begin no run after it"
    )
    parser.add_argument(
        "--tables-only", action="store_true", help="train nothing, print what there is"
    )
    parser.add_argument("--page", type=Path, help="Markdown page to bring up to date")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser.parse_args(arguments)


def run_program(name: str, words: Sequence[str], log: Path) -> int:
    """Run one of the tools, its output in a file.

    Args:
        name: Such as "train.py".
        words: What it is given.
        log: File for its output, which grows.

    Returns:
        Its exit code.
    """
    command = [sys.executable, str(_TOOLS / name), *words]
    with log.open("a", encoding="utf-8") as file:
        return subprocess.run(
            command, stdout=file, stderr=subprocess.STDOUT, check=False
        ).returncode


def train_and_test(
    study: Study, row: Row, seed: int, folder: Path
) -> dict[str, Any] | str:
    """One run.

    Args:
        study: The study.
        row: What is trained.
        seed: Its seed.
        folder: Of the run.

    Returns:
        The run for the results, or what went wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = row_config(study, row)
    try:  # its weights would be gone on with, and scored as those of this config
        check_same_options(folder, [], config)
    except ValueError as error:
        return str(error)
    file, log = folder / "study_config.py", folder / "output.log"
    config.dump(str(file))
    start = time.monotonic()
    words = [str(file), "--work-dir", str(folder), "--seed", str(seed)]
    if run_program("train.py", [*words, *start_words(folder, [])], log) != 0:
        return f"training failed; its last words are in {log}"
    seconds = time.monotonic() - start
    scores = {}
    checkpoint = folder / f"iter_{study.iterations}.pth"
    for split in study.splits:
        metrics = folder / f"scores_{split}.json"
        words = [str(file), str(checkpoint), "--metrics", str(metrics)]
        words += ["--split", split, "--work-dir", str(folder / f"test_{split}")]
        if run_program("test.py", words, log) != 0:
            return f"testing on {split} failed; its last words are in {log}"
        scores[split] = read_json(metrics)["metrics"]
    return {
        "config_sha256": fingerprint(config),
        "seconds": round(seconds, 1),
        "machine": describe_machine(torch.device(_DEVICE))["name"],
        "curve": read_curve(folder),
        "scores": scores,
    }


def run_study(args: argparse.Namespace, study: Study, results: StudyResults) -> int:
    """Make the runs that are missing.

    Args:
        args: The command line.
        study: The study.
        results: Filled.

    Returns:
        How many failed.
    """
    rows = [study.row(name) for name in args.rows] if args.rows else study.rows
    work_dir = args.work_dir or Path("work_dirs") / args.study.stem
    missing = [
        (row, seed)
        for seed in args.seeds or study.seeds
        for row in rows
        if not results.find(row.name, seed, fingerprint(row_config(study, row)))
    ]
    print(f"{len(missing)} runs to make", flush=True)
    deadline = Deadline(args.time_limit)
    failures = 0

    def make(entry: tuple[Row, int]) -> tuple[Row, int, dict[str, Any] | str | None]:
        row, seed = entry
        if not deadline.allows():
            return row, seed, None
        name = re.sub(r"\W+", "-", row.name).strip("-").lower()
        return (
            row,
            seed,
            train_and_test(study, row, seed, work_dir / f"{name}_seed{seed}"),
        )

    with ThreadPoolExecutor(max_workers=args.jobs) as pool:
        # As they come: a run that is done is kept though one before it is not.
        for made in as_completed([pool.submit(make, entry) for entry in missing]):
            row, seed, run = made.result()
            if isinstance(run, dict):
                results.add(row.name, seed, run)
                first = {split: found["mIoU"] for split, found in run["scores"].items()}
                text = ", ".join(f"{split} {v:.1f}" for split, v in first.items())
                print(f"{row.name}, seed {seed}: mIoU {text}", flush=True)
            elif run is not None:
                failures += 1
                print(f"{row.name}, seed {seed}: {run}", file=sys.stderr, flush=True)
    return failures


def section(file: str, page: Path | None) -> str:
    """Tables, comparisons and, for a page, pictures of one study.

    Args:
        file: The study.
        page: The page; pictures are written beside it.
    """
    study = read_study(file)
    results = read_results(results_file(Path(file)))
    command = f"`python tools/analysis_tools/study.py {file}`"
    if not any(row.name in results.runs for row in study.rows):
        return f"Not made yet; {command}"
    blocks = [
        f"{study.iterations} iterations, {results.seconds(study) / 60:.0f} minutes for "
        f"all runs; {command}"
    ]
    for split in study.splits:
        blocks += [f"On {split}:", *tables(study, results, split)]
        compared = comparisons(study, results, split)
        if compared:
            blocks.append("\n".join(f"* {line}." for line in compared))
        if page is not None:
            picture = page.parent / "images" / f"study_{Path(file).stem}_{split}.png"
            picture.parent.mkdir(parents=True, exist_ok=True)
            plot_study(study, results, split, picture)
            blocks.append(f"![{study.title}]({picture.relative_to(page.parent)})")
    if page is not None:
        picture = page.parent / "images" / f"study_{Path(file).stem}_losses.png"
        if plot_curves(study, results, picture):
            name = picture.relative_to(page.parent)
            blocks.append(f"![Training losses: {study.title}]({name})")
    return "\n\n".join(blocks)


def tables(study: Study, results: StudyResults, split: str) -> list[str]:
    """The tables of a study.

    Args:
        study: The study.
        results: Its results.
        split: The split.
    """
    whole = [study_table(study, results, split)]
    return whole if study.grid is None else [grid_table(study, results, split), *whole]


def results_file(study: Path) -> Path:
    """Where the results of a study are.

    Args:
        study: Its file.
    """
    return study.with_name(f"{study.stem}.results.json")


def update(page: Path) -> None:
    """Bring a page up to date.

    Args:
        page: The page.
    """

    def replace(found: re.Match[str]) -> str:
        file = found["file"]
        text = section(file, page)
        return f"<!-- study: {file} -->\n\n{text}\n\n<!-- end of study -->"

    text = page.read_text(encoding="utf-8")
    page.write_text(_SECTION.sub(replace, text), encoding="utf-8")


def run(args: argparse.Namespace) -> int:
    """Train what is missing, print, bring the page up to date.

    Args:
        args: The command line.

    Raises:
        ValueError: There is nothing to do.
    """
    if args.study is None and args.page is None:
        raise ValueError("give the file of a study, or --page")
    failures = 0
    if args.study is not None:
        study = read_study(args.study)
        results = read_results(args.results or results_file(args.study))
        if not args.tables_only:
            failures = run_study(args, study, results)
        for split in study.splits:
            print("\n\n".join([f"\n{split}:", *tables(study, results, split)]))
            print("\n".join(["", *comparisons(study, results, split)]))
        used = set(results.runs) - {row.name for row in study.rows}
        if used:
            print(f"{results.path} has rows that are not of the study: {sorted(used)}")
    if args.page is not None:
        update(args.page)
    return 1 if failures else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: run(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
