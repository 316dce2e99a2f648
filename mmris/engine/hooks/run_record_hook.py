"""A run writes down what it was made of."""

from __future__ import annotations

import json
import logging
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmris.datasets.fingerprint import fingerprint
from mmris.registry import HOOKS
from mmris.utils.atomic_files import write_atomically
from mmris.utils.git_state import git_state
from mmris.version import __version__

if TYPE_CHECKING:
    from mmengine.runner import Runner

_PACKAGES = (
    "torchvision",
    "numpy",
    "transformers",
    "onedl-mmengine",
    "onedl-mmcv",
    "onedl-mmsegmentation",
    "onedl-mmpretrain",
)
_KEY = "training_data"


@HOOKS.register_module()
class RunRecordHook(Hook):
    """Saves command, versions, git state and fingerprints of the data.

    They are in ``run.json`` in the folder of the run's log, beside the configuration;
    changes that are in no commit in ``uncommitted.diff``. Each start of a run, also one
    that goes on, has a folder of its own. The fingerprint of the training data is in
    the checkpoints as well: if they changed, a run that goes on says so.
    """

    def __init__(self) -> None:
        self._training_data: dict[str, Any] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """See whether the data are those from before.

        Args:
            runner: The runner.
            checkpoint: What was read.
        """
        before = checkpoint.get("meta", {}).get(_KEY)
        if not runner._resume or before is None or runner._train_loop is None:
            return
        now = self._data_of_training(runner)
        if before != now:
            print_log(
                f"The training data are others than before: {before} then, {now} now. "
                "The run does not go on as it would have.",
                logger="current",
                level=logging.WARNING,
            )

    def before_train(self, runner: Runner) -> None:
        """Write the record.

        Args:
            runner: The runner.
        """
        if not is_main_process():
            return
        commit, changes = git_state(Path(__file__).parent)
        record = {
            "command": shlex.join([sys.executable, *sys.argv]),
            "config": runner.cfg.filename,
            "resumed_from": runner._load_from if runner._resume else None,
            "iteration": runner.iter,
            "seed": runner.seed,
            "processes": get_world_size(),
            "git": {"commit": commit, "has_uncommitted_changes": bool(changes)},
            "versions": {
                "mmris": __version__,
                "python": platform.python_version(),
                "torch": torch.__version__,  # with what it was built for
                **{name: _version(name) for name in _PACKAGES},
            },
            "data": {"train": self._data_of_training(runner)},
        }
        if runner.val_loop is not None:
            record["data"]["val"] = fingerprint(runner.val_dataloader.dataset)
        folder = Path(runner.log_dir)
        write_atomically(folder / "run.json", json.dumps(record, indent=1).encode())
        if changes:
            write_atomically(folder / "uncommitted.diff", changes)

    def before_save_checkpoint(
        self, runner: Runner, checkpoint: dict[str, Any]
    ) -> None:
        """Add the fingerprint of the training data.

        Args:
            runner: The runner.
            checkpoint: What is written.
        """
        checkpoint["meta"][_KEY] = self._data_of_training(runner)

    def _data_of_training(self, runner: Runner) -> dict[str, Any]:
        if self._training_data is None:
            self._training_data = fingerprint(runner.train_dataloader.dataset)
        return self._training_data


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
