"""Scores over the mask threshold: the curve, its best threshold, the calibration.

Needs predictions with soft scores. Choose the threshold on the validation split: the
best one of a test split is a result that the model was fitted to.

Example:
    python tools/analysis_tools/threshold.py predictions.jsonl data/refcoco --split val
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from mmris.evaluation import (
    match_predictions,
    read_ground_truth,
    read_predictions,
    threshold_curve,
)
from mmris.evaluation.annotation_options import add_annotation_options, open_chosen
from mmris.utils.atomic_files import write_atomically
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.evaluation import ThresholdCurve


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Score all thresholds of masks.", allow_abbrev=False
    )
    parser.add_argument("predictions", help="of tools/test.py --out ... --soft-scores")
    add_annotation_options(parser)
    parser.add_argument("--json", metavar="FILE", help="write the curve to this file")
    return parser.parse_args(argv)


def measure(args: argparse.Namespace) -> int:
    """Go through the predictions and print."""
    predictions = read_predictions(args.predictions)
    pairs = match_predictions(predictions, read_ground_truth(open_chosen(args)))
    curve = threshold_curve(image for _, image in pairs)
    print_curve(curve)
    split = predictions.header.get("split")
    if split is not None and split != "val":
        print(f"\nThese are predictions of {split}: choose a threshold on val.")
    if args.json is not None:
        text = json.dumps(as_dict(curve), indent=2) + "\n"
        write_atomically(args.json, text.encode())
    return 0


def print_curve(curve: ThresholdCurve) -> None:
    """Print the curve at every tenth, the best thresholds and the calibration.

    Args:
        curve: The curve.
    """
    print("threshold    oIoU    mIoU  Prec@0.5")
    for place, threshold in enumerate(curve.thresholds):
        if round(threshold * 100) % 10 == 0:
            print(
                f"{threshold:9.2f}  {curve.overall_iou[place]:6.2f}  "
                f"{curve.mean_iou[place]:6.2f}  {curve.precision[place]:8.2f}"
            )
    for name, scores in (("oIoU", curve.overall_iou), ("mIoU", curve.mean_iou)):
        threshold, value = curve.best(scores)
        print(f"best {name}: {value:.2f} at threshold {threshold:.2f}")
    print("\nprobability of pixels   mean   share in the true mask    pixels")
    for place, pixels in enumerate(curve.pixels):
        low = place / len(curve.pixels)
        if pixels:
            print(
                f"          {low:.1f} to {low + 0.1:.1f}  {curve.confidence[place]:.3f}"
                f"{curve.frequency[place]:25.3f}{pixels:10d}"
            )
    print(f"expected calibration error: {curve.calibration_error:.2f} percent")


def as_dict(curve: ThresholdCurve) -> dict[str, object]:
    """What the file holds.

    Args:
        curve: The curve.
    """
    best = {
        name: dict(zip(("threshold", "score"), curve.best(scores), strict=True))
        for name, scores in (("oIoU", curve.overall_iou), ("mIoU", curve.mean_iou))
    }
    bins = [
        {"confidence": float(mean), "frequency": float(share), "pixels": int(pixels)}
        for mean, share, pixels in zip(
            curve.confidence, curve.frequency, curve.pixels, strict=True
        )
        if pixels
    ]
    return {
        "thresholds": curve.thresholds.tolist(),
        "oIoU": curve.overall_iou.tolist(),
        "mIoU": curve.mean_iou.tolist(),
        "Prec@0.5": curve.precision.tolist(),
        "best": best,
        "calibration": bins,
        "calibration_error": curve.calibration_error,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; 2 if something is wrong."""
    args = parse_args(argv)
    return run_tool(lambda: measure(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
