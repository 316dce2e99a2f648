"""Mixed precision on GPUs and on CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from mmris.registry import OPTIM_WRAPPERS

if TYPE_CHECKING:
    from torch.optim import Optimizer

Precision = Literal["float16", "bfloat16"]


@OPTIM_WRAPPERS.register_module()
class MixedPrecisionOptimWrapper(AmpOptimWrapper):
    """MMEngine's mixed precision, which needs a GPU, made to run on a CPU as well.

    On a GPU the forward pass runs in the given precision and losses are scaled. On a
    CPU it runs in bfloat16, the only precision that MMEngine's autocast takes there,
    and nothing is scaled, because bfloat16 has the range of float32.

    Args:
        optimizer: The optimizer that is wrapped.
        precision: Number format of the forward pass on a GPU.
        loss_scale: First factor of the losses on a GPU, or ``"dynamic"`` for torch's
            own start; either way the factor adapts.
        accumulative_counts: Batches whose gradients are summed up to one step.
        clip_grad: Arguments for clipping gradients, with ``type`` ``"norm"`` or
            ``"value"``; None leaves them as they are.

    Raises:
        ValueError: The precision is unknown.
    """

    def __init__(
        self,
        *,
        optimizer: Optimizer,
        precision: Precision = "float16",
        loss_scale: float | Literal["dynamic"] = "dynamic",
        accumulative_counts: int = 1,
        clip_grad: dict[str, Any] | None = None,
    ) -> None:
        if precision not in get_args(Precision):
            raise ValueError(
                f"optim_wrapper.precision is {precision!r}; choose one of "
                f"{get_args(Precision)}"
            )
        if torch.cuda.is_available():
            start = (
                loss_scale
                if loss_scale == "dynamic"
                else {"init_scale": float(loss_scale)}
            )
            super().__init__(
                loss_scale=start,
                dtype=precision,
                optimizer=optimizer,
                accumulative_counts=accumulative_counts,
                clip_grad=clip_grad,
            )
            return
        # Past the constructor that asks for a GPU; its other methods do without one.
        OptimWrapper.__init__(
            self,
            optimizer=optimizer,
            accumulative_counts=accumulative_counts,
            clip_grad=clip_grad,
        )
        self._scale_update_param = None
        self.loss_scaler = torch.amp.GradScaler(device="cpu", enabled=False)
        self.cast_dtype = torch.bfloat16

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of the optimizer and, if there is one, of the loss scaling.

        Args:
            state_dict: From :meth:`state_dict`, on this kind of device or the other.
        """
        if not state_dict.get("loss_scaler", True):
            # A CPU has no scaling to hand over; a GPU's scaler refuses an empty one.
            state_dict = {
                key: value for key, value in state_dict.items() if key != "loss_scaler"
            }
        super().load_state_dict(state_dict)
