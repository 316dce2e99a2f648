"""Pixels of predicted and true masks: what every overlap score is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True)
class MaskCounts:
    """Numbers of pixels, one entry for each of N pairs of masks.

    Sums over any number of masks are exact: they are integers of 64 bits.

    Attributes:
        intersection: ``(N,)`` int64, pixels of both masks.
        predicted: ``(N,)`` int64, pixels of the predicted mask.
        truth: ``(N,)`` int64, pixels of the true mask.

    Example:
        >>> counts = MaskCounts.of([2, 0], [4, 0], [3, 0])
        >>> counts.union.tolist(), counts.iou(empty=1.0).tolist()
        ([5, 0], [0.4, 1.0])
    """

    intersection: np.ndarray
    predicted: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(cls, intersection: Any, predicted: Any, truth: Any) -> MaskCounts:
        """Counts from anything that NumPy makes arrays of.

        Args:
            intersection: N numbers of pixels.
            predicted: N numbers of pixels.
            truth: N numbers of pixels.
        """
        return cls(*(np.asarray(x, np.int64) for x in (intersection, predicted, truth)))

    @classmethod
    def concatenate(cls, parts: Sequence[MaskCounts]) -> MaskCounts:
        """Counts of several images as one.

        Args:
            parts: At least one.
        """
        return cls(
            np.concatenate([part.intersection for part in parts]),
            np.concatenate([part.predicted for part in parts]),
            np.concatenate([part.truth for part in parts]),
        )

    @property
    def union(self) -> np.ndarray:
        """``(N,)`` int64, pixels of at least one of the masks."""
        union: np.ndarray = self.predicted + self.truth - self.intersection
        return union

    def iou(self, empty: float | np.ndarray = 1.0) -> np.ndarray:
        """Intersection over union of each pair.

        Args:
            empty: The value where both masks are empty, which the division leaves open;
                one for all, or ``(N,)`` of them.

        Returns:
            ``(N,)`` float64 from 0 to 1.
        """
        union = self.union
        # The denominator is never 0, so that nothing warns in the rows that are empty.
        ratio = self.intersection / np.maximum(union, 1)
        return np.where(union > 0, ratio, empty)

    def rows(self, which: np.ndarray) -> MaskCounts:
        """Some of the pairs.

        Args:
            which: Their indices, or a bool for each pair.
        """
        return MaskCounts(
            self.intersection[which], self.predicted[which], self.truth[which]
        )

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.intersection)


def count_masks(predicted: Tensor, truth: Tensor) -> MaskCounts:
    """Count the pixels of masks.

    Args:
        predicted: ``(N, h, w)`` bool, on any device.
        truth: ``(N, h, w)`` bool, on the same device.
    """
    both = torch.logical_and(predicted, truth)
    sums = [masks.flatten(1).sum(1) for masks in (both, predicted, truth)]
    return MaskCounts(*torch.stack(sums).cpu().numpy())
