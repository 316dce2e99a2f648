"""Trains on smaller pictures first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook
from mmengine.structures import PixelData
from torch.nn import functional

from mmris.registry import HOOKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmengine.runner import Runner
    from torch import Tensor


@HOOKS.register_module()
class ProgressiveSizeHook(Hook):
    """Shrinks the training pictures and their masks until some iteration.

    Convolutions cost as much as there are pixels, and what words mean is learnt on
    small pictures as well: at two thirds of the side an iteration takes less than half
    of the time, and the end of the run at full size gives the sharp edges back. The
    size depends on the number of the iteration alone, so that a resumed run goes on
    with it.

    Args:
        size: ``(H, W)`` in pixels of the pictures until then.
        until: The first iteration (from 0) with pictures as the pipeline gives them.

    Raises:
        ValueError: ``size`` is not two positive ints, or ``until`` no positive int.
    """

    def __init__(self, *, size: Sequence[int], until: int) -> None:
        if len(size) != 2 or any(type(side) is not int or side < 1 for side in size):
            raise ValueError(
                f"size of ProgressiveSizeHook is {size!r}; give (height, width), "
                "positive ints"
            )
        if type(until) is not int or until < 1:
            raise ValueError(
                f"until of ProgressiveSizeHook is {until!r}; give the iteration from "
                "which on pictures have their full size"
            )
        self.size = (size[0], size[1])
        self.until = until

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None
    ) -> None:
        """Shrink the batch in place.

        Args:
            runner: The runner, whose ``iter`` is the number of the iteration.
            batch_idx: Not used.
            data_batch: What the loader gave: ``inputs`` and ``data_samples``.
        """
        if runner.iter >= self.until or data_batch is None:
            return
        data_batch["inputs"] = [
            _resized(picture, self.size, "bilinear") for picture in data_batch["inputs"]
        ]
        for sample in data_batch["data_samples"]:
            masks = _resized(sample.gt_sem_seg.data, self.size, "nearest-exact")
            sample.gt_sem_seg = PixelData(data=masks)


def _resized(maps: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """``maps`` (C, H, W) uint8 at another size."""
    return functional.interpolate(
        maps[None], size, mode=mode, antialias=mode == "bilinear"
    )[0]
