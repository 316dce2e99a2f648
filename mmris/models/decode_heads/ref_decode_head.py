"""What every decode head has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from mmengine.model import BaseModule

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec, MaskOutput


class RefDecodeHead(BaseModule, ABC):
    """Turns fused levels into one mask an expression.

    Args:
        in_features: What the neck gives; from the segmentor.

    Attributes:
        aux_names: Names of the auxiliary outputs, so that a loss that asks for another
            one is refused when the model is built.
        has_own_losses: Whether :meth:`own_losses` gives any, so that ``model.losses``
            may be empty.
    """

    aux_names: tuple[str, ...] = ()
    has_own_losses: bool = False

    def __init__(self, *, in_features: FusedSpec) -> None:
        super().__init__()
        self.in_features = in_features

    @abstractmethod
    def forward(self, fused: FusedFeatures) -> MaskOutput:
        """Decode.

        Args:
            fused: Levels of N expressions.

        Returns:
            N mask logits at the head's own size, and auxiliary outputs.
        """

    def own_losses(self, output: MaskOutput, masks: Tensor) -> dict[str, Tensor]:
        """Losses that the head brings along, besides those of ``model.losses``.

        Args:
            output: What the head gave for N expressions.
            masks: ``(N, H, W)``, 0 or 1.

        Returns:
            Scalars by name; none unless overridden.
        """
        del output, masks
        return {}
