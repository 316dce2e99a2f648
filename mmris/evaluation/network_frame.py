"""Where a picture lies in the input of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class NetworkFrame:
    """Size of an input and the part of it that shows the picture.

    Attributes:
        input_size: Height and width of the input.
        content_box: Top, left, height and width of the picture within it.
    """

    input_size: tuple[int, int]
    content_box: tuple[int, int, int, int]

    @property
    def is_filled(self) -> bool:
        """Whether the picture covers the input, which then has no padding."""
        return self.content_box == (0, 0, *self.input_size)

    def cut(self, maps: Tensor) -> Tensor:
        """The part of maps at input size that shows the picture.

        Args:
            maps: ``(..., *input_size)``.
        """
        top, left, height, width = self.content_box
        return maps[..., top : top + height, left : left + width]

    def place(self, masks: np.ndarray) -> Tensor:
        """Masks of the picture, resized to the nearest pixel, within the input.

        Args:
            masks: ``(K, h, w)`` bool at any size.

        Returns:
            ``(K, *input_size)`` bool; False in the padding.
        """
        top, left, height, width = self.content_box
        placed = np.zeros((len(masks), *self.input_size), dtype=bool)
        for source, target in zip(masks, placed, strict=True):
            target[top : top + height, left : left + width] = cv2.resize(
                source.astype(np.uint8),
                (width, height),
                interpolation=cv2.INTER_NEAREST_EXACT,
            )
        return torch.from_numpy(placed)
