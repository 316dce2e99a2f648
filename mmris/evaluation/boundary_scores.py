"""Boundary IoU of stored predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .boundary_iou import count_boundaries
from .mask_counts import MaskCounts
from .overlap_scores import mean_iou
from .rescoring import match_predictions
from .scored_image import decode_runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .ground_truth import TrueImage
    from .prediction_file import Predictions


def boundary_scores(
    predictions: Predictions, truth: Iterable[TrueImage], *, partial: bool = False
) -> dict[str, float]:
    """Score the outlines of stored masks.

    Args:
        predictions: The file's content.
        truth: The pictures of the split.
        partial: Leave out sentences without a mask rather than refuse.

    Returns:
        ``boundary IoU`` in percent.
    """
    bands = [
        count_boundaries(
            list(decode_runs(image.predicted).numpy()), list(image.true_masks)
        )
        for _, image in match_predictions(predictions, truth, partial=partial)
    ]
    return {"boundary IoU": mean_iou(MaskCounts.concatenate(bands))}
