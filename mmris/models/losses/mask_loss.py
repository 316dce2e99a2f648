"""Any loss of mmseg, mmpretrain or torch on one named output of the decode head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from mmris.models.parts import TENSOR_LOSS, build_part
from mmris.registry import MODELS

from .output_loss import OutputLoss, loss_at_target
from .trial import try_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.structures import MaskOutput


@MODELS.register_module()
class MaskLoss(OutputLoss):
    """Compares one output with the masks, at the size of the masks or at one given.

    Args:
        name: Key in the log; starts with ``loss``, so that it counts.
        loss: Config of the loss, called with logits and masks, 0.0 or 1.0, both
            ``(N, 1, H, W)``.
        output: Which output to read: ``logits`` or an auxiliary one of the head.
        weight: Factor.
        size: ``(height, width)`` in pixels at which to compare; None for that of the
            masks, which is the size of the input.

    Raises:
        ValueError: ``name`` does not start with ``loss``: such a value would be logged
            and never trained on. Or ``size`` is not two positive lengths, or nothing
            would be learned from the loss.
    """

    def __init__(
        self,
        *,
        name: str,
        loss: dict[str, Any],
        output: str = "logits",
        weight: float = 1.0,
        size: Sequence[int] | None = None,
    ) -> None:
        super().__init__(reads={name: output})
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ValueError(
                f"size of the model.losses entry {name!r} is {size!r}; give (height, "
                "width), positive, or None for the size of the input"
            )
        self.name = name
        self.output = output
        self.weight = weight
        self.size = None if size is None else tuple(size)
        key = f"loss of the model.losses entry {name!r}"
        self.loss = build_part(key, loss, TENSOR_LOSS)
        try_loss(key, self.loss, size)

    def forward(self, output: MaskOutput, masks: Tensor) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            output: What the head gave for N expressions.
            masks: ``(N, H, W)``, 0 or 1.

        Returns:
            One scalar, by ``name``.
        """
        masks = masks[:, None]
        if self.size is not None:
            masks = functional.interpolate(
                masks.to(torch.uint8), self.size, mode="nearest-exact"
            )
        value = loss_at_target(self.loss, output.named(self.output), masks)
        return {self.name: self.weight * value}
