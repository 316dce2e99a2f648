"""What may change the masks of a picture after the model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class PostProcessing(ABC):
    """Refines logits by looking at the picture; in prediction only, nothing learned."""

    @abstractmethod
    def __call__(self, logits: Tensor, picture: Tensor) -> Tensor:
        """Refine the masks of one picture.

        Args:
            logits: ``(K, 1, H, W)`` float32 for K expressions, before the sigmoid, at
                the size of the model's input.
            picture: ``(3, H, W)`` uint8, RGB, what the model was shown, its padding
                included.

        Returns:
            Logits ``(K, 1, H, W)``.
        """
