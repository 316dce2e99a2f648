"""Ctrl-C, SIGTERM and SIGUSR1 end training with a checkpoint to go on from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import all_reduce, barrier, is_distributed, is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import loops

from mmris.engine.interruption import Interrupted
from mmris.engine.stop_signals import ShieldedWorker, StopSignals
from mmris.registry import HOOKS
from mmris.utils.atomic_files import BACKEND
from mmris.utils.start_options import point_to_checkpoint

from .atomic_checkpoint_hook import AtomicCheckpointHook

if TYPE_CHECKING:
    from types import FrameType

    from mmengine.runner import Runner


@HOOKS.register_module()
class InterruptionHook(Hook):
    """Saves a checkpoint after the running iteration and leaves training.

    The processes of a job agree on the iteration, whichever of them the signal reached.
    Where a step takes the gradients of several batches, it is finished first. A
    validation is left as well; ``DueValidationHook`` makes up for it.

    Raises:
        Interrupted: From the training loop, when the state is saved.
    """

    # After the checkpoint hook, whose file of the same iteration then serves.
    priority = "LOWEST"

    def __init__(self) -> None:
        self._signals = StopSignals(_is_training)
        self._common_batches = 0

    def before_train(self, runner: Runner) -> None:
        """Take the signals over.

        Args:
            runner: The runner.
        """
        self._signals.install()
        loops = [runner.train_loop, runner.val_loop]
        for loader in [loop.dataloader for loop in loops if loop is not None]:
            if getattr(loader, "num_workers", 0) > 0:
                loader.worker_init_fn = ShieldedWorker(loader.worker_init_fn)

    def after_train(self, runner: Runner) -> None:
        """Give the signals back.

        Args:
            runner: The runner.
        """
        self._signals.restore()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Stop here, if asked to.

        Args:
            runner: The runner.
            batch_idx: Number of the batch.
            data_batch: What the model was given.
            outputs: Its losses.

        Raises:
            Interrupted: If asked to.
        """
        if not _finished_step(runner):
            return  # a checkpoint would lose the gradients summed up so far
        number = self._agreed_signal()
        if number:
            self._leave(runner, number, done=runner.iter + 1)

    def before_val_epoch(self, runner: Runner) -> None:
        """Find out how long all processes validate.

        Args:
            runner: The runner.
        """
        batches = torch.tensor(len(runner.val_dataloader))
        all_reduce(batches, op="min")
        self._common_batches = int(batches)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Leave the validation, if asked to while training.

        Args:
            runner: The runner.
            batch_idx: Number of the batch.
            data_batch: What the model was given.
            outputs: What it predicted.

        Raises:
            Interrupted: If asked to.
        """
        # One that has no more batches could not answer the others.
        number = self._agreed_signal() if batch_idx < self._common_batches else 0
        if not number:
            return
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):
                hook.after_val_epoch(runner)  # the trained weights, not their average
        self._leave(runner, number, done=runner.iter)

    def _agreed_signal(self) -> int:
        """The signal that any process received, 0 for none."""
        if not is_distributed():
            return self._signals.received
        number = torch.tensor(self._signals.received)
        all_reduce(number, op="max")
        return int(number)

    def _leave(self, runner: Runner, number: int, *, done: int) -> None:
        found = [h for h in runner.hooks if isinstance(h, AtomicCheckpointHook)]
        file = found[0].save_now(runner, done) if found else _save(runner, done)
        # The processes end together: the first to go would take the others' saving.
        barrier()
        runner.visualizer.close()
        self._signals.restore()
        raise Interrupted(number, file)


def _is_training(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == loops.__file__ and frame.f_code.co_name == "run":
            return True
        frame = frame.f_back
    return False


def _finished_step(runner: Runner) -> bool:
    """Whether no gradients wait for those of further batches."""
    wrapper = runner.optim_wrapper
    return not isinstance(wrapper, OptimWrapper) or bool(wrapper.should_update())


def _save(runner: Runner, done: int) -> str:
    """Save where no hook of ours does; MMEngine's own knows no such occasion."""
    file = Path(runner.work_dir) / f"interrupted_iter_{done}.pth"
    runner.save_checkpoint(
        runner.work_dir,
        file.name,
        meta={"epoch": runner.epoch, "iter": done},
        by_epoch=False,
        backend_args={"backend": BACKEND},
    )
    if is_main_process():
        point_to_checkpoint(runner.work_dir, str(file))
    return str(file)
