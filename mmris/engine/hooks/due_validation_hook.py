"""A validation that a stop cut short or left out is made when the run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop

from mmris.registry import HOOKS

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class DueValidationHook(Hook):
    """Begins a resumed run with the validation that follows its checkpoint, if any.

    A checkpoint is written before the validation of the same iteration. A run that
    ended in between, or in the midst of the validation, would lack its scores, and the
    best checkpoint could be another than without the stop. Whether the run ended later,
    the checkpoint cannot know; then the same scores come twice.
    """

    # When the other hooks are ready for a validation.
    priority = "LOWEST"

    def before_train(self, runner: Runner) -> None:
        """Validate, if it is due.

        Args:
            runner: The runner, its checkpoint loaded.
        """
        loop = runner.train_loop
        if isinstance(loop, EpochBasedTrainLoop):
            done, last = runner.epoch, runner.max_epochs
            between = runner.iter != runner.epoch * len(loop.dataloader)
        else:
            done, last, between = runner.iter, runner.max_iters, False
        if runner.val_loop is None or between or not done or done < loop.val_begin:
            return
        loop._decide_current_val_interval()
        if done % loop.val_interval == 0 or done == last:
            print_log("The validation of this checkpoint comes first.", "current")
            runner.val_loop.run()
