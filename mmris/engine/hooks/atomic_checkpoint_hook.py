"""Checkpoints that survive whatever happens while they are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook

from mmris.registry import HOOKS
from mmris.utils.atomic_files import BACKEND
from mmris.utils.config_types import suggest_name
from mmris.utils.start_options import point_to_checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmengine.runner import Runner


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, which never leaves a run without a checkpoint.

    A file gets its name when all of it is on the disk. ``last_checkpoint``, which tells
    where to go on, is written after it, and an older file is removed last. MMEngine
    writes under the final name and removes before it writes. So for a moment one file
    more than ``max_keep_ckpts`` is on the disk.

    Args:
        interval: Iterations, or epochs, between checkpoints.
        by_epoch: Whether ``interval`` counts epochs.
        save_optimizer: Whether the optimizer's state is saved, which resuming needs.
        save_param_scheduler: Whether the state of the learning rate schedules is saved.
        max_keep_ckpts: How many of the regular checkpoints stay; -1 keeps all.
        save_last: Whether the end of training is saved, too.
        save_best: Score whose best checkpoint is kept besides; None for none.
        rule: Whether ``"greater"`` or ``"less"`` of it is better.
        published_keys: Entries of the checkpoints that are written once more, without
            the others, after training; None for none.
        save_begin: Iteration, or epoch, of the first checkpoint.
    """

    def __init__(
        self,
        *,
        interval: int,
        by_epoch: bool,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        max_keep_ckpts: int = -1,
        save_last: bool = True,
        save_best: str | None = None,
        rule: str | None = None,
        published_keys: Sequence[str] | None = None,
        save_begin: int = 0,
    ) -> None:
        super().__init__(
            interval=interval,
            by_epoch=by_epoch,
            save_optimizer=save_optimizer,
            save_param_scheduler=save_param_scheduler,
            max_keep_ckpts=max_keep_ckpts,
            save_last=save_last,
            save_best=save_best,
            rule=rule,
            published_keys=published_keys,
            save_begin=save_begin,
            backend_args={"backend": BACKEND},
        )
        self.best_ckpt_path: str | None = None

    def save_now(self, runner: Runner, done: int) -> str:
        """Save between two regular checkpoints.

        Args:
            runner: The runner.
            done: Iterations that are finished.

        Returns:
            The file.
        """
        meta = {"epoch": runner.epoch, "iter": done}
        if self.by_epoch:
            self._write(runner, f"interrupted_iter_{done}.pth", meta)
        elif Path(self.last_ckpt or "").name != self.filename_tmpl.format(done):
            self._save_checkpoint_with_step(runner, done, meta)
        return str(self.last_ckpt)

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict[str, Any]
    ) -> None:
        outdated = None
        if self.max_keep_ckpts > 0 and step not in list(self.keep_ckpt_ids)[-1:]:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated = self.keep_ckpt_ids.popleft()
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info("keep_ckpt_ids", list(self.keep_ckpt_ids))
        self._write(runner, self.filename_tmpl.format(step), meta)
        if outdated is not None:
            self._remove(Path(self.out_dir) / self.filename_tmpl.format(outdated))

    def _write(self, runner: Runner, name: str, meta: dict[str, Any]) -> None:
        self.last_ckpt = str(Path(self.out_dir) / name)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
        )
        if is_main_process():
            point_to_checkpoint(runner.work_dir, self.last_ckpt)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        if not self.save_best:
            return
        self._require_scores(runner, metrics)
        before, self.best_ckpt_path = self.best_ckpt_path, None
        # Not knowing of an older file, it removes none.
        super()._save_best_checkpoint(runner, metrics)
        if self.best_ckpt_path is None:
            self.best_ckpt_path = before
        elif before is not None and before != self.best_ckpt_path:
            self._remove(Path(before))

    def _require_scores(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Keep what is trained so far, should a kind of sentences be misspelt."""
        wanted = set(self.key_indicators) - {"auto", *metrics}
        if not wanted:
            return
        name = min(wanted)
        path = self.save_now(runner, runner.iter)
        raise ValueError(
            f"default_hooks.checkpoint.save_best is {name!r}, which validation did not "
            f"give ({suggest_name(name, metrics)}). {path} has what is trained so far: "
            "correct it and go on with --resume"
        )

    def _remove(self, path: Path) -> None:
        if is_main_process():
            path.unlink(missing_ok=True)
