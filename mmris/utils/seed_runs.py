"""Runs of one config with several seeds: where they stand, and their scores."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic_files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Below the folder of the runs.
OPTIONS_FILE = "options.json"
SUMMARY_FILE = "seeds.json"


class SeedRunFailed(Exception):  # noqa: N818  it may be no error but Ctrl-C
    """A run ended before its end.

    Args:
        what: Training or testing.
        seed: Of the run.
        code: Exit code of its program.
    """

    def __init__(self, what: str, seed: int, code: int) -> None:
        super().__init__(
            f"{what} with seed {seed} ended with code {code}, see above. The same "
            "command goes on from there"
        )
        self.code = code


def check_same_options(
    work_dir: Path, options: Sequence[str], seeds: Sequence[int]
) -> None:
    """Refuse to put runs of different options together, and note those of these.

    Args:
        work_dir: Folder of the runs; made if it is not there.
        options: All that decides about a run but its seed.
        seeds: The seeds.

    Raises:
        ValueError: The folder has runs of other options, or a seed stands twice.
    """
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"--seeds {' '.join(map(str, seeds))}: name each seed once")
    file = work_dir / OPTIONS_FILE
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        if before != list(options):
            raise ValueError(
                f"{work_dir} has runs of other options: {' '.join(before)}. Give "
                "another --work-dir, or the same options to go on"
            )
    write_atomically(file, json.dumps(list(options)).encode())


def best_checkpoint(folder: Path) -> Path:
    """The checkpoint of a run with the best score, else its last one.

    Args:
        folder: Work dir of the run.

    Raises:
        FileNotFoundError: There is none.
    """
    best = sorted(folder.glob("best_*.pth"), key=lambda path: path.stat().st_mtime)
    if best:
        return best[-1]
    pointer = folder / "last_checkpoint"
    if not pointer.is_file():
        raise FileNotFoundError(
            f"{folder} has no checkpoint after training; have the config's checkpoint "
            "hook save one"
        )
    return Path(pointer.read_text(encoding="utf-8").strip())


def write_summary(
    work_dir: Path, scores: Mapping[int, Mapping[str, float]]
) -> dict[str, dict[str, Any]]:
    """Mean and standard deviation of each score.

    Args:
        work_dir: Folder of the runs, in which ``seeds.json`` is written.
        scores: Scores by key, for each seed.

    Returns:
        By key of a score that all runs have ``mean``, ``deviation`` (of the sample: by
        the number of runs less one; None for one run), ``lowest`` and ``highest``.
    """
    runs = list(scores.values())
    summary = {}
    for key in runs[0]:
        if not all(key in run for run in runs):
            continue
        values = [float(run[key]) for run in runs]
        summary[key] = {
            "mean": statistics.fmean(values),
            "deviation": statistics.stdev(values) if len(values) > 1 else None,
            "lowest": min(values),
            "highest": max(values),
        }
    content = {"seeds": {str(seed): dict(run) for seed, run in scores.items()}}
    text = json.dumps({**content, "summary": summary}, indent=2) + "\n"
    write_atomically(work_dir / SUMMARY_FILE, text.encode())
    return summary
