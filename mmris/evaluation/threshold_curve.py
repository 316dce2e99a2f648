"""Scores over the mask threshold, and whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmris.models.segmentors.restore import restore_logits

from .mask_counts import MaskCounts
from .overlap_scores import mean_iou, overall_iou, precision_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .scored_image import ScoredImage

# Every percent, and so every threshold that papers use.
THRESHOLDS = np.round(np.arange(1, 100) / 100, 2)
_CALIBRATION_BINS = 10


@dataclass(frozen=True)
class ThresholdCurve:
    """Scores at thresholds, and the calibration of pixels.

    Attributes:
        thresholds: ``(T,)`` probabilities; pixels above one belong to the mask.
        overall_iou: ``(T,)`` percent.
        mean_iou: ``(T,)`` percent.
        precision: ``(T,)`` percent, ``Prec@0.5``.
        confidence: ``(10,)``, mean probability of the pixels between 0 and 0.1, between
            0.1 and 0.2, and so on; NaN where there are none.
        frequency: ``(10,)``, share of them that belong to the true mask.
        pixels: ``(10,)`` int64, their number.
    """

    thresholds: np.ndarray
    overall_iou: np.ndarray
    mean_iou: np.ndarray
    precision: np.ndarray
    confidence: np.ndarray
    frequency: np.ndarray
    pixels: np.ndarray

    def best(self, scores: np.ndarray) -> tuple[float, float]:
        """The threshold of the highest score; of several the one nearest to 0.5.

        Args:
            scores: ``(T,)``, one of this curve's.

        Returns:
            Threshold and score.
        """
        highest = np.flatnonzero(scores == scores.max())
        place = highest[np.abs(self.thresholds[highest] - 0.5).argmin()]
        return float(self.thresholds[place]), float(scores[place])

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of pixels, in percent.

        The mean over all pixels of the distance between confidence and frequency of
        their bin: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated
        Probabilities Using Bayesian Binning", AAAI 2015. Most pixels are clear
        background, so that the number is small; the bins say more.
        """
        gaps = np.nan_to_num(np.abs(self.confidence - self.frequency))
        return 100.0 * float((gaps * self.pixels).sum() / self.pixels.sum())


def threshold_curve(images: Iterable[ScoredImage]) -> ThresholdCurve:
    """Go through images once and score all thresholds.

    Maps are brought to the original size as the segmentor does it; pixels are counted
    by the number of thresholds that they exceed, and the counts added up.

    Args:
        images: Pictures with soft scores, at least one.

    Raises:
        ValueError: An image has no soft scores, or there is none.
    """
    limits = np.log(THRESHOLDS / (1 - THRESHOLDS))
    inside: list[np.ndarray] = []
    outside: list[np.ndarray] = []
    sums = np.zeros((3, _CALIBRATION_BINS))
    for image in images:
        stored, frame = image.maps()
        maps = restore_logits(
            stored,
            input_size=frame.input_size,
            content_box=frame.content_box,
            original_size=image.size,
        )
        for logits, truth in zip(maps.numpy(), image.true_masks, strict=True):
            # The number of limits below a logit: those thresholds take the pixel.
            exceeded = np.searchsorted(limits, logits.ravel(), side="left")
            true = truth.ravel()
            for target, chosen in ((inside, true), (outside, ~true)):
                number = np.bincount(exceeded[chosen], minlength=len(limits) + 1)
                # At threshold t are the pixels that exceed more than t of them.
                target.append(number[::-1].cumsum()[::-1])
            sums += _calibration_sums(logits, truth)
    if not inside:
        raise ValueError("there is no sentence to score; check the split")
    hits, misses = np.stack(inside), np.stack(outside)
    truth_area = hits[:, 0]
    scores = []
    for place in range(1, len(limits) + 1):
        predicted = hits[:, place] + misses[:, place]
        counts = MaskCounts.of(hits[:, place], predicted, truth_area)
        scores.append(
            (overall_iou(counts), mean_iou(counts), precision_at(counts, 0.5))
        )
    overall, mean, precision = np.asarray(scores).T
    with np.errstate(invalid="ignore"):
        confidence, frequency = sums[1] / sums[0], sums[2] / sums[0]
    return ThresholdCurve(
        thresholds=THRESHOLDS,
        overall_iou=overall,
        mean_iou=mean,
        precision=precision,
        confidence=confidence,
        frequency=frequency,
        pixels=sums[0].astype(np.int64),
    )


def _calibration_sums(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pixels, sums of probabilities and true pixels, ``(3, bins)``."""
    probability = 1 / (1 + np.exp(-np.clip(logits.ravel().astype(np.float64), -60, 60)))
    place = np.minimum(
        (probability * _CALIBRATION_BINS).astype(np.int64), _CALIBRATION_BINS - 1
    )
    weights = (None, probability, truth.ravel())
    return np.stack(
        [np.bincount(place, weight, _CALIBRATION_BINS) for weight in weights]
    )
