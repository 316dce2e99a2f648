"""All processes of a job score the same model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.dist import broadcast, is_distributed
from mmengine.hooks import Hook

from mmris.registry import HOOKS

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class SharedBuffersHook(Hook):
    """Copies the buffers of rank 0 to the other processes before each validation.

    Running statistics of batch normalisation differ from process to process after a
    training step. Without this, each would score its share of the images with its own,
    and none of the scores would belong to the checkpoint, which rank 0 writes.
    """

    def before_val_epoch(self, runner: Runner) -> None:
        """Copy the buffers.

        Args:
            runner: The runner.
        """
        if is_distributed():
            for buffer in runner.model.buffers():
                broadcast(buffer, src=0)
