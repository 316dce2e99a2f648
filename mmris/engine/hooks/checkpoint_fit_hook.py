"""A checkpoint of another model is refused instead of being loaded in part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper

from mmris.registry import HOOKS
from mmris.utils.checkpoint_fit import check_fit, check_start

if TYPE_CHECKING:
    from mmengine.runner import Runner


@HOOKS.register_module()
class CheckpointFitHook(Hook):
    """Compares the weights of a checkpoint with the model before they are loaded.

    Where a run is continued or a checkpoint is scored, all must be there and nothing
    else. Where a run starts from a checkpoint (fine-tuning), at least half must be
    there, and how much it is goes to the log. Where training is continued, its
    optimizer must have the same groups of parameters.
    """

    # Before other hooks take something out of the checkpoint.
    priority = "VERY_HIGH"

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Compare.

        Args:
            runner: The runner.
            checkpoint: What was read, not yet loaded into the model.

        Raises:
            ValueError: It does not fit.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        source = runner._load_from or "the newest checkpoint of the work dir"
        continued = runner._resume
        scored = runner._train_loop is None
        if continued or scored:
            check_fit(model, checkpoint, source=source)
            if continued and not scored:
                _check_groups(runner.optim_wrapper, checkpoint, source)
        else:
            print_log(check_start(model, checkpoint, source=source), logger="current")


def _check_groups(wrapper: Any, checkpoint: dict[str, Any], source: str) -> None:
    saved = checkpoint.get("optimizer", {}).get("param_groups")
    if saved is None or not isinstance(wrapper, OptimWrapper):
        return
    sizes = [
        [len(group["params"]) for group in groups]
        for groups in (saved, wrapper.optimizer.param_groups)
    ]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"{source}: its optimizer has {len(sizes[0])} groups of parameters, that "
            f"of the config {len(sizes[1])}, or others. optim_wrapper.paramwise_cfg "
            "and optim_wrapper.constructor make them: resume with those that it was "
            "trained with, or start from its weights with --load-from"
        )
