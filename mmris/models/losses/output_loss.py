"""What every entry of ``model.losses`` has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from mmengine.model import BaseModule

from mmris.models.layers import resize_to

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from mmris.structures import MaskOutput


class OutputLoss(BaseModule, ABC):
    """Compares outputs of the decode head with the masks.

    Args:
        reads: Names of the outputs, by key in the log; keys start with ``loss``, so
            that they count.

    Raises:
        ValueError: A key does not start with ``loss``: such a value would be logged and
            never trained on.
    """

    def __init__(self, *, reads: Mapping[str, str]) -> None:
        super().__init__()
        for key in reads:
            if not key.startswith("loss"):
                raise ValueError(
                    f"model.losses has an entry of name {key!r}; the name must start "
                    "with 'loss' to count in training"
                )
        self.reads = dict(reads)

    @abstractmethod
    def forward(self, output: MaskOutput, masks: Tensor) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            output: What the head gave for N expressions.
            masks: ``(N, H, W)``, 0 or 1.

        Returns:
            Scalars, by key in the log.
        """


def loss_at_target(
    loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, target: Tensor
) -> Tensor:
    """A loss at the size of its target, both of one type.

    Whole numbers of 8 bits would run over in a loss such as ``1 - (2 y - 1) x``.

    Args:
        loss: Called with logits and target.
        logits: ``(N, 1, h, w)``, of any size.
        target: ``(N, 1, H, W)``, 0 or 1, of any type.

    Returns:
        What the loss gives.
    """
    resized = resize_to(logits, target.shape[-2:])
    return loss(resized, target.to(resized.dtype))
