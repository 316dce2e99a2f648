"""A run that was stopped goes on as if it had not been."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop

from mmris.datasets.draws import VisitSampler, follow_visits
from mmris.registry import HOOKS
from mmris.utils.random_state import seed_generators
from mmris.utils.start_options import newest_checkpoint

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Makes all that is random in training depend on seed, iteration and process only.

    No state of a generator has to be saved, nor gathered from processes and workers:
    the generators of each process are seeded anew before each iteration, and what is
    random in an item is drawn for its pass over the data, see
    :mod:`mmris.datasets.draws`. Order of the data, weights, optimizer, schedules, loss
    scaling and averaged weights are MMEngine's to restore. In the middle of an epoch a
    resumed run takes the rest of the epoch.

    Raises:
        ValueError: Checkpoints would be saved between the batches of one step
            (``accumulative_counts``), where the gradients summed up are lost.
    """

    # Before other hooks draw anything in an iteration.
    priority = "VERY_HIGH"

    def __init__(self) -> None:
        self._sampler: VisitSampler | None = None

    def before_run(self, runner: Runner) -> None:
        """Find the checkpoint, if the config says ``resume=True`` and no file.

        Args:
            runner: The runner, before it loads anything.
        """
        if runner._resume and runner._load_from is None:
            runner._load_from = newest_checkpoint(runner.work_dir)

    def before_train(self, runner: Runner) -> None:
        """Find where in the data the run stopped.

        Args:
            runner: The runner, its checkpoint loaded.

        Raises:
            ValueError: Checkpoints would be saved between the batches of one step.
        """
        _check_intervals(runner)
        loop = runner.train_loop
        self._sampler = sampler = follow_visits(loop.dataloader, runner.seed)
        if sampler is None:
            print_log(
                "The batches of train_dataloader come from no sampler; after resuming "
                "they are others than without a stop.",
                logger="current",
                level=logging.WARNING,
            )
            return
        taken, skips = runner.iter, False
        if isinstance(loop, EpochBasedTrainLoop):
            taken, skips = runner.iter - runner.epoch * len(loop.dataloader), True
        elif not hasattr(sampler.sampler, "skip"):
            taken = 0  # the loop goes through all that was taken
        sampler.start = taken * loop.dataloader.batch_size
        sampler.skips = skips

    def before_train_epoch(self, runner: Runner) -> None:
        """Say which pass over the data begins.

        Args:
            runner: The runner.
        """
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        if self._sampler is not None and by_epoch:
            self._sampler.visit = runner.epoch

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Seed the generators for this iteration.

        Args:
            runner: The runner.
            batch_idx: Number of the batch.
            data_batch: The batch.
        """
        seed_generators(runner.seed, runner.iter, get_rank())


def _check_intervals(runner: Runner) -> None:
    """See that gradients of several batches are not cut apart."""
    batches = getattr(runner.optim_wrapper, "_accumulative_counts", 1)
    if batches == 1:
        return
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook):
            continue
        if not hook.by_epoch:
            key = "default_hooks.checkpoint.interval"
            _check_interval(runner, key, hook.interval, batches)
        elif hook.interval * len(runner.train_dataloader) % batches:
            print_log(
                f"{hook.interval} epochs of {len(runner.train_dataloader)} batches end "
                f"between the {batches} batches of one step: a run that is resumed "
                "there loses the gradients of some.",
                logger="current",
                level=logging.WARNING,
            )
    if runner.val_loop is not None and not isinstance(
        runner.train_loop, EpochBasedTrainLoop
    ):
        # A score that is the best so far is saved, and a stop may come there.
        interval = runner.train_loop.val_interval
        _check_interval(runner, "train_cfg.val_interval", interval, batches)


def _check_interval(runner: Runner, key: str, interval: int, batches: int) -> None:
    if interval % batches and interval < runner.max_iters:
        raise ValueError(
            f"{key} is {interval}, but a step takes the gradients of {batches} batches "
            "(optim_wrapper.accumulative_counts): a checkpoint between them would lose "
            "some. Give a multiple"
        )
