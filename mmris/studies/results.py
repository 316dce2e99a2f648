"""What the runs of a study scored, in a small file that is whole after each run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmris.utils.atomic_files import write_atomically

if TYPE_CHECKING:
    from mmengine.config import Config

    from .definition import Study

FORMAT = 1


@dataclass
class StudyResults:
    """The finished runs of a study.

    Attributes:
        path: The file.
        runs: By name of the row and seed, an object with ``config_sha256``, ``seconds``
            of training, ``machine``, ``curve`` (iterations and training losses) and
            ``scores`` (by split and metric, in percent).
    """

    path: Path
    runs: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def find(self, row: str, seed: int, config_sha256: str) -> dict[str, Any] | None:
        """A finished run, None if there is none.

        Args:
            row: Its row.
            seed: Its seed.
            config_sha256: Of the config that it would be trained with now.

        Raises:
            ValueError: The run was of another config.
        """
        run = self.runs.get(row, {}).get(str(seed))
        if run is not None and run["config_sha256"] != config_sha256:
            raise ValueError(
                f"{self.path} has row {row!r}, seed {seed}, of another config or "
                "budget than now. Remove that run from the file and its folder from "
                "--work-dir to have it made anew, or give another --results and "
                "--work-dir"
            )
        return run

    def add(self, row: str, seed: int, run: dict[str, Any]) -> None:
        """Keep a finished run and write the file.

        Args:
            row: Its row.
            seed: Its seed.
            run: As in :attr:`runs`.
        """
        self.runs.setdefault(row, {})[str(seed)] = run
        content = {"format": FORMAT, "runs": self.runs}
        text = json.dumps(content, indent=1) + "\n"
        write_atomically(self.path, text.encode())

    def scores(self, row: str, split: str) -> list[dict[str, float]]:
        """Scores of all seeds of a row.

        Args:
            row: Its name.
            split: The split.

        Returns:
            For each seed by metric, in percent; nothing for a row without runs.
        """
        runs = self.runs.get(row, {}).values()
        return [run["scores"][split] for run in runs if split in run["scores"]]

    def seconds(self, study: Study) -> float:
        """Time that the runs of a study took.

        Args:
            study: The study.
        """
        names = [row.name for row in study.rows]
        runs = [run for name in names for run in self.runs.get(name, {}).values()]
        return float(sum(run["seconds"] for run in runs))


def read_results(path: str | Path) -> StudyResults:
    """Read results, or begin with none.

    Args:
        path: The file, which need not be there.

    Raises:
        ValueError: It is no file of results.
    """
    file = Path(path)
    if not file.is_file():
        return StudyResults(file)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}, not {FORMAT}")
        return StudyResults(file, dict(content["runs"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file} holds no results of tools/analysis_tools/study.py ({error}). Give "
            "another file"
        ) from error


def fingerprint(config: Config) -> str:
    """A number that two configs share only if they are the same.

    Args:
        config: The config.
    """
    text = json.dumps(config.to_dict(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
