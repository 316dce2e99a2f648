"""Boundary IoU: how well outlines agree, whatever the size of the objects.

Cheng, Girshick, Dollar, Berg and Kirillov, "Boundary IoU: Improving Object-Centric
Image Segmentation Evaluation", CVPR 2021, https://arxiv.org/abs/2103.16562, Eq. (2).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .mask_counts import MaskCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

# The paper's choice for COCO: 2 % of the diagonal of the picture.
BAND_SHARE = 0.02


def band_width(height: int, width: int) -> int:
    """Width of the band along an outline in pixels, at least 1.

    Args:
        height: Of the picture.
        width: Of the picture.
    """
    return max(1, round(BAND_SHARE * math.hypot(height, width)))


def boundary_band(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask that are close to its outline.

    A pixel belongs to the band if a square of ``2 d + 1`` pixels around it, d being
    :func:`band_width`, leaves the mask. The edge of the picture is an outline too, as
    in the authors' program.

    Args:
        mask: ``(h, w)`` bool.

    Returns:
        ``(h, w)`` bool.
    """
    side = 2 * band_width(*mask.shape) + 1
    pixels = np.ascontiguousarray(mask).astype(np.uint8)
    inner = cv2.erode(
        pixels,
        np.ones((side, side), dtype=np.uint8),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return np.asarray((pixels > 0) & (inner == 0))


def count_boundaries(
    predicted: Sequence[np.ndarray], truth: Sequence[np.ndarray]
) -> MaskCounts:
    """Count the pixels of the bands of masks.

    ``boundary IoU`` is the mean of these counts' I / U: where both masks are empty, and
    so both bands, it is 1.

    Args:
        predicted: N masks ``(h, w)`` bool.
        truth: N masks ``(h, w)`` bool.
    """
    rows = []
    for first, second in zip(predicted, truth, strict=True):
        one, other = boundary_band(first), boundary_band(second)
        rows.append(((one & other).sum(), one.sum(), other.sum()))
    return MaskCounts.of(*np.asarray(rows, dtype=np.int64).reshape(-1, 3).T)
