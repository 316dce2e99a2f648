"""Training stops before a loss that is no number ruins the weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import all_reduce, get_rank, is_distributed
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper

from mmris.registry import HOOKS
from mmris.utils.atomic_files import BACKEND, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmengine.runner import Runner

# What leads from a sample back to the annotations.
_FIELDS = ("image_id", "img_path", "ref_ids", "ann_ids", "sent_ids", "expressions")


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stops training when a loss is infinite or no number (NaN).

    The loss is looked at before the backward pass, on all processes together, so that
    weights and optimizer are still those from before. They are saved as
    ``nonfinite_iter_<iteration>.pth``: resuming from that file repeats the iteration,
    with the same batch and the same random numbers. Each process whose loss it is
    writes the ids of its batch beside it, ``nonfinite_iter_<iteration>_rank_<rank>``
    ``.json``. ``last_checkpoint`` stays at the regular checkpoint.

    Running statistics of batch normalisation are the one thing that the batch has
    changed: they are no part of what a training computes.
    """

    def __init__(self) -> None:
        self._batch: Any = None

    def before_train(self, runner: Runner) -> None:
        """Look at each loss from now on.

        Args:
            runner: The runner.
        """
        wrapper = runner.optim_wrapper
        if not isinstance(wrapper, OptimWrapper):
            return
        update: Callable[..., None] = wrapper.update_params

        def checked_update(loss: torch.Tensor, *arguments: Any, **options: Any) -> None:
            self._check(runner, loss.detach())
            update(loss, *arguments, **options)

        # An object's own function: the config may name any wrapper.
        if "update_params" not in vars(wrapper):
            vars(wrapper)["update_params"] = checked_update

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Keep the batch, to say which it was.

        Args:
            runner: The runner.
            batch_idx: Number of the batch.
            data_batch: The batch.
        """
        self._batch = data_batch

    def _check(self, runner: Runner, loss: torch.Tensor) -> None:
        own = not bool(torch.isfinite(loss).all())
        anywhere = torch.tensor(int(own))
        if is_distributed():
            all_reduce(anywhere, op="max")
        if not anywhere:
            return
        name = f"nonfinite_iter_{runner.iter}"
        folder = Path(runner.work_dir)
        pictures = "another process says which"
        if own:
            samples = _ids(self._batch)
            found = {"iteration": runner.iter, "rank": get_rank(), "samples": samples}
            found["loss"] = str(float(loss.float().sum()))
            file = folder / f"{name}_rank_{get_rank()}.json"
            write_atomically(file, json.dumps(found, indent=1, default=str).encode())
            ids = ", ".join(str(sample.get("image_id")) for sample in samples)
            pictures = f"pictures {ids[:200]}, see {file.name}"
        meta = {"epoch": runner.epoch, "iter": runner.iter}
        runner.save_checkpoint(
            runner.work_dir,
            f"{name}.pth",
            meta=meta,
            by_epoch=False,
            backend_args={"backend": BACKEND},
        )
        raise FloatingPointError(
            f"the loss is {float(loss.float().sum())} after {runner.iter} iterations "
            f"({pictures}). The weights from before it are saved; to repeat it, train "
            f"with --resume {folder / name}.pth"
        )


def _ids(batch: Any) -> list[dict[str, Any]]:
    """What the samples of a batch say about where they are from."""
    samples = batch.get("data_samples", []) if isinstance(batch, dict) else []
    return [
        {key: sample.get(key) for key in _FIELDS if key in sample} for sample in samples
    ]
