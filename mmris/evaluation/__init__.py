from .annotations import category_names, open_annotations
from .bootstrap import Difference, Interval, bootstrap_intervals, paired_differences
from .boundary_iou import boundary_band, count_boundaries
from .breakdowns import SentenceFacts
from .ground_truth import TrueImage, TrueSentence, read_ground_truth
from .location_words import names_a_location
from .mask_counts import MaskCounts, count_masks
from .mask_runs import MaskRuns
from .no_target_scores import no_target_scores
from .overlap_scores import mean_iou, overall_iou, precision_at
from .prediction_file import Predictions, read_predictions
from .prediction_writer import PredictionWriter
from .protocols import Protocol, find_protocols
from .ref_seg_metric import RefSegMetric
from .rescoring import ScoreTable, match_predictions, score_predictions
from .threshold_curve import ThresholdCurve, threshold_curve

__all__ = [
    "Difference",
    "Interval",
    "MaskCounts",
    "MaskRuns",
    "PredictionWriter",
    "Predictions",
    "Protocol",
    "RefSegMetric",
    "ScoreTable",
    "SentenceFacts",
    "ThresholdCurve",
    "TrueImage",
    "TrueSentence",
    "bootstrap_intervals",
    "boundary_band",
    "category_names",
    "count_boundaries",
    "count_masks",
    "find_protocols",
    "match_predictions",
    "mean_iou",
    "names_a_location",
    "no_target_scores",
    "open_annotations",
    "overall_iou",
    "paired_differences",
    "precision_at",
    "read_ground_truth",
    "read_predictions",
    "score_predictions",
    "threshold_curve",
]
