"""Any loss between outputs of the decode head and the contours of the masks.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, section "Boundary
Enhancement Module".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmris.models.parts import TENSOR_LOSS, build_part
from mmris.registry import MODELS

from .contour import contour
from .output_loss import OutputLoss, loss_at_target
from .trial import try_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.structures import MaskOutput


@MODELS.register_module()
class BoundaryLoss(OutputLoss):
    """Compares outputs with the contours of the masks, at the size of the masks.

    The contours are drawn once for all outputs, see :func:`contour`. The output called
    ``boundary_1`` is logged as ``loss_boundary_1``, and so on.

    Args:
        outputs: Which outputs of the head to read, such as ``boundary_1`` and so on of
            :class:`BoundaryEnhancementHead`.
        loss: Config of the loss, called with logits and contours, both
            ``(N, 1, H, W)``.
        radius: Of the contour, in pixels of the masks, which have the size of the
            input; 2 in the paper's released code.
        weight: Factor of each.

    Raises:
        ValueError: There is no output, one twice, the radius is below 1, or nothing
            would be learned from the loss.

    Deviations: none. The released code draws contours by distance transforms, which
    have no meaning where a mask is empty; there this one draws none, and elsewhere the
    same.
    """

    def __init__(
        self,
        *,
        outputs: Sequence[str],
        loss: dict[str, Any],
        radius: float = 2.0,
        weight: float = 1.0,
    ) -> None:
        if isinstance(outputs, str) or not outputs or len(set(outputs)) < len(outputs):
            raise ValueError(
                f"outputs of a model.losses entry BoundaryLoss is {outputs!r}; give a "
                "list of one output or more, each once"
            )
        if radius < 1:
            raise ValueError(
                f"radius of a model.losses entry BoundaryLoss is {radius}: no pixel "
                "has a neighbour that near; give 1 or more"
            )
        super().__init__(reads={f"loss_{name}": name for name in outputs})
        self.radius = radius
        self.weight = weight
        key = "loss of a model.losses entry BoundaryLoss"
        self.loss = build_part(key, loss, TENSOR_LOSS)
        try_loss(key, self.loss)

    def forward(self, output: MaskOutput, masks: Tensor) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            output: What the head gave for N expressions.
            masks: ``(N, H, W)``, 0 or 1.

        Returns:
            One scalar an output.
        """
        edges = contour(masks, radius=self.radius)[:, None]
        return {
            key: self.weight * loss_at_target(self.loss, output.named(name), edges)
            for key, name in self.reads.items()
        }
