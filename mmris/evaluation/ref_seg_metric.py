"""The scores of a validation or test: one MMEngine metric, made of the definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.evaluator import BaseMetric

from mmris.registry import METRICS

from .boundary_iou import count_boundaries
from .breakdowns import SentenceFacts, check_breakdowns, group_rows
from .mask_counts import MaskCounts, count_masks
from .no_target_scores import NO_TARGET_NAMES, no_target_scores
from .overlap_scores import (
    PRECISION_THRESHOLDS,
    check_thresholds,
    mean_iou,
    overall_iou,
    precision_at,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@METRICS.register_module()
class RefSegMetric(BaseMetric):
    """Scores every sentence of every image once, in percent.

    With I and U the intersection and union, in pixels of the original picture, of
    predicted and true mask of a sentence:

    * ``oIoU``: sum of all I over sum of all U; large objects weigh more.
    * ``mIoU``: mean of I / U over the sentences.
    * ``Prec@X``: share of sentences with I / U >= X. (The code of CMSA, CMPC, CEFNet
      and LAVT compares with >=, that of CRIS and SHNet with >.)
    * ``mIoU_<kind>``: the mean over the sentences of one kind, where the dataset has
      kinds.
    * with ``no_target_scores`` ``gIoU``, ``cIoU``, ``N-acc``, ``T-acc`` and ``targeted
      Prec@X``, see :func:`mmris.evaluation.no_target_scores`;
    * with ``boundary_iou`` ``boundary IoU``, see
      :mod:`mmris.evaluation.boundary_iou`;
    * for each group of a breakdown ``oIoU_<group>`` and ``mIoU_<group>``.

    Where both masks are empty I / U is 1: nothing was asked for and nothing was given.

    Each image adds one entry to the results, and counts once however images are dealt
    to processes: samplers that make shares equally long deal some of them twice.
    MMEngine cuts what it gathers to the length of the dataset, which counts images;
    that leaves out the right ones only for some ways of dealing.

    Args:
        precision_thresholds: The X of ``Prec@X``, above 0 and at most 1.
        no_target_scores: Whether to add the scores of sets with several or no targets.
        boundary_iou: Whether to add boundary IoU, which takes about 2 ms a mask of
            480x640.
        breakdowns: Names of ``mmris.evaluation.breakdowns.BREAKDOWNS``, such as
            ``"size"`` or ``"words_refcoco"``.
        collect_device: How results of several processes are gathered: ``"gpu"`` by
            sending them, also between CPUs; ``"cpu"`` through files in the working
            directory, which all nodes have to share then.
        prefix: Put before each key, with a slash; None for bare keys.

    Raises:
        ValueError: A threshold or a breakdown is none.
    """

    # Silences MMEngine's remark that no prefix is set: the keys are the bare ones.
    default_prefix = ""

    def __init__(
        self,
        *,
        precision_thresholds: Sequence[float] = PRECISION_THRESHOLDS,
        no_target_scores: bool = False,
        boundary_iou: bool = False,
        breakdowns: Sequence[str] = (),
        collect_device: str = "gpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.precision_thresholds = tuple(precision_thresholds)
        check_thresholds(
            self.precision_thresholds, "precision_thresholds of RefSegMetric"
        )
        check_breakdowns(breakdowns, "breakdowns of RefSegMetric")
        self.no_target_scores = no_target_scores
        self.boundary_iou = boundary_iou
        self.breakdowns = tuple(breakdowns)
        self._size: int | None = None

    def score_names(self) -> list[str]:
        """Keys of the scores, in their order.

        Which kinds and groups there are the data decide, and whether a score without
        target is defined: ``mIoU_*`` and ``oIoU_*`` stand for all of these.
        """
        names = ["oIoU", "mIoU"]
        names += [f"Prec@{threshold}" for threshold in self.precision_thresholds]
        if self.no_target_scores:
            names += NO_TARGET_NAMES
        if self.boundary_iou:
            names.append("boundary IoU")
        names.append("mIoU_*")
        if self.breakdowns:
            names.append("oIoU_*")
        return [f"{self.prefix}/{name}" if self.prefix else name for name in names]

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Add the images of one batch.

        Args:
            data_batch: Not used.
            data_samples: One an image, with ``pred_sem_seg`` and ``gt_sem_seg``, both
                ``(K, h, w)`` at the original size.

        Raises:
            ValueError: The masks of an image differ in shape, or a breakdown needs what
                the data samples do not have.
        """
        for sample in data_samples:
            predicted: Tensor = sample["pred_sem_seg"]["data"].bool()
            truth: Tensor = sample["gt_sem_seg"]["data"].bool().to(predicted.device)
            if predicted.shape != truth.shape:
                raise ValueError(
                    f"image {sample.get('image_id')}: predicted masks have shape "
                    f"{tuple(predicted.shape)}, true masks {tuple(truth.shape)}. "
                    "Scores are taken at the original size: in a test pipeline "
                    "LoadRefMasks stands after RefResize"
                )
            counts = count_masks(predicted, truth)
            entry = {
                "counts": counts,
                "key": (
                    sample.get("image_id"),
                    tuple(sample["sent_ids"]),
                    tuple(sample.get("expressions", ())),
                ),
                "kinds": list(sample["kinds"]),
            }
            if self.boundary_iou:
                entry["boundary"] = count_boundaries(
                    list(predicted.cpu().numpy()), list(truth.cpu().numpy())
                )
            if self.breakdowns:
                height, width = truth.shape[-2:]
                entry["facts"] = _facts(sample, counts.truth, int(height * width))
            self.results.append(entry)

    def evaluate(self, size: int) -> dict[str, float]:
        """Scores of the images of all processes, each counted once.

        Args:
            size: Number of images of the dataset.

        Returns:
            Percentages by key.
        """
        self._size = size
        number = torch.tensor(len(self.results))
        all_reduce(number)
        scores: dict[str, float] = super().evaluate(max(int(number), size))
        return scores

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Scores of all images.

        Args:
            results: One entry an image, in the order in which a sampler deals them.

        Returns:
            Percentages by key.
        """
        results = _each_once(results, self._size)
        counts = MaskCounts.concatenate([entry["counts"] for entry in results])
        scores = {"oIoU": overall_iou(counts), "mIoU": mean_iou(counts)}
        for threshold in self.precision_thresholds:
            scores[f"Prec@{threshold}"] = precision_at(counts, threshold)
        if self.no_target_scores:
            scores.update(no_target_scores(counts))
        if self.boundary_iou:
            bands = MaskCounts.concatenate([entry["boundary"] for entry in results])
            scores["boundary IoU"] = mean_iou(bands)
        kinds = np.asarray([kind for entry in results for kind in entry["kinds"]])
        for kind in sorted({str(kind) for kind in kinds} - {""}):
            scores[f"mIoU_{kind}"] = mean_iou(counts.rows(kinds == kind))
        if self.breakdowns:
            facts = [fact for entry in results for fact in entry["facts"]]
            for label, rows in group_rows(self.breakdowns, facts).items():
                scores[f"oIoU_{label}"] = overall_iou(counts.rows(rows))
                scores[f"mIoU_{label}"] = mean_iou(counts.rows(rows))
        return scores


def _each_once(results: list[dict[str, Any]], size: int | None) -> list[dict[str, Any]]:
    """Leave out what was dealt twice, if there is more than the dataset has."""
    if size is None or len(results) <= size:
        return results
    first: dict[Any, dict[str, Any]] = {}
    for entry in results:
        first.setdefault(entry["key"], entry)
    # Fewer only if the dataset itself has an item twice.
    return list(first.values()) if len(first) == size else results[:size]


def _facts(
    sample: dict[str, Any], areas: np.ndarray, image_area: int
) -> list[SentenceFacts]:
    needed = ("expressions", "category_ids", "num_distractors", "ann_ids")
    missing = [name for name in needed if name not in sample]
    if missing:
        raise ValueError(
            f"breakdowns of RefSegMetric need {missing[0]!r} in the data samples; have "
            "the test pipeline end with PackRefInputs"
        )
    return [
        SentenceFacts(text, kind, category, others, int(area), image_area, len(ids))
        for text, kind, category, others, area, ids in zip(
            sample["expressions"],
            sample["kinds"],
            sample["category_ids"],
            sample["num_distractors"],
            areas,
            sample["ann_ids"],
            strict=True,
        )
    ]
