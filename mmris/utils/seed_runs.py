"""Runs of one config with several seeds: where they stand, and their scores."""

from __future__ import annotations

import hashlib
import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic_files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmengine.config import Config

# Options of tools/train.py that the tool gives itself.
_OWN = ("--seed", "--resume")
_HIGHEST_SEED = 2**32 - 1
# MMEngine's file beside the checkpoints, which names the newest.
_LAST = "last_checkpoint"
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


def check_seeds(seeds: Sequence[int], more: Sequence[str]) -> None:
    """Refuse seeds that are none, and options that would undo what the tool does.

    Args:
        seeds: The seeds.
        more: Words that go on to tools/train.py.

    Raises:
        ValueError: A seed stands twice or is out of range, or an option is the tool's.
    """
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"--seeds {' '.join(map(str, seeds))}: name each seed once")
    for seed in seeds:
        if not 0 <= seed <= _HIGHEST_SEED:
            raise ValueError(
                f"--seeds {seed}: seeds are numbers from 0 to {_HIGHEST_SEED}"
            )
    for word in more:
        if word.partition("=")[0] in _OWN:
            raise ValueError(
                f"{word} is set for each seed by this tool; leave it out, and give "
                "seeds by --seeds"
            )


def check_same_options(work_dir: Path, options: Sequence[str], cfg: Config) -> None:
    """Refuse to put different runs together, and note what these are.

    Args:
        work_dir: Folder of the runs; made if it is not there.
        options: All that decides about a run but its seed and its config.
        cfg: The config as it is now.

    Raises:
        ValueError: The folder has runs of other options or of another config.
    """
    text = json.dumps(cfg.to_dict(), sort_keys=True, default=str)
    content = {
        "options": list(options),
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    file = work_dir / OPTIONS_FILE
    if file.is_file():
        before = read_json(file)
        if before.get("options") != content["options"]:
            raise ValueError(
                f"{work_dir} has runs of other options: "
                f"{' '.join(map(str, before.get('options', [])))}. Give another "
                "--work-dir, or the same options to go on"
            )
        if before.get("config_sha256") != content["config_sha256"]:
            raise ValueError(
                f"{work_dir} has runs of this config before it was changed. Give "
                "another --work-dir, or take the change back to go on"
            )
    write_atomically(file, json.dumps(content).encode())


def read_json(file: Path) -> dict[str, Any]:
    """Read what an earlier run left.

    Args:
        file: A file that a tool wrote.

    Raises:
        ValueError: It is damaged.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ValueError(
            f"{file} is damaged: no object of JSON. Remove it to go on without it"
        )
    return content


def start_words(folder: Path, more: Sequence[str]) -> list[str]:
    """How training of a seed starts: anew, or where it was stopped.

    Args:
        folder: Work dir of the run.
        more: Words that go on to tools/train.py.

    Returns:
        The words, with ``--resume`` and without ``--load-from`` where there is a
        checkpoint of this run to go on from.
    """
    if not (folder / _LAST).is_file():
        return list(more)
    words = iter(more)
    kept = []
    for word in words:
        if word == "--load-from":
            next(words, None)
        elif not word.startswith("--load-from="):
            kept.append(word)
    return ["--resume", *kept]


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
    pointer = folder / _LAST
    if not pointer.is_file():
        raise FileNotFoundError(
            f"{folder} has no checkpoint after training; have the config's checkpoint "
            "hook save one"
        )
    return folder / Path(pointer.read_text(encoding="utf-8").strip()).name


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
