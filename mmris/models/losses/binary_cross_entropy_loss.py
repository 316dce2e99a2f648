"""Mean binary cross entropy over pixels and expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.model import BaseModule
from torch.nn import functional

from mmris.registry import MODELS

if TYPE_CHECKING:
    from torch import Tensor


@MODELS.register_module()
class BinaryCrossEntropyLoss(BaseModule):
    """The mean of -y log p - (1 - y) log(1 - p), with p the sigmoid of the logit.

    mmseg's CrossEntropyLoss takes masks of another rank than its DiceLoss does; this
    one takes what all losses inside :class:`MaskLoss` are given.
    """

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits: ``(N, 1, H, W)``.
            masks: ``(N, 1, H, W)``, 0 or 1, of any type.

        Returns:
            A scalar.
        """
        return functional.binary_cross_entropy_with_logits(
            logits, masks.to(logits.dtype)
        )
