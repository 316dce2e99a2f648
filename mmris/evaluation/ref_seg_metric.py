"""Overall IoU, mean IoU and precision at thresholds, at the original size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric

from mmris.registry import METRICS

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

    Where both masks are empty I / U is 1: nothing was asked for and nothing was given.

    Each image adds one entry to the results. MMEngine cuts what it gathers from several
    processes to the length of the dataset, which counts images; one entry a sentence
    would lose sentences without a word.

    Args:
        precision_thresholds: The X of ``Prec@X``.
        collect_device: Where results of several processes are gathered.
        prefix: Put before each key, with a slash; None for bare keys.
    """

    # Silences MMEngine's remark that no prefix is set: the keys are the bare ones.
    default_prefix = ""

    def __init__(
        self,
        *,
        precision_thresholds: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9),
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.precision_thresholds = tuple(precision_thresholds)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Add the images of one batch.

        Args:
            data_batch: Not used.
            data_samples: One an image, with ``pred_sem_seg`` and ``gt_sem_seg``, both
                ``(K, h, w)`` at the original size.

        Raises:
            ValueError: The masks of an image differ in shape.
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
            union = torch.logical_or(predicted, truth).flatten(1).sum(1)
            both = torch.logical_and(predicted, truth).flatten(1).sum(1)
            self.results.append(
                {
                    "intersection": both.cpu().numpy(),
                    "union": union.cpu().numpy(),
                    "sent_ids": list(sample["sent_ids"]),
                    "kinds": list(sample["kinds"]),
                }
            )

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Scores of all images.

        Args:
            results: One entry an image.

        Returns:
            Percentages by key.
        """
        intersection = np.concatenate([entry["intersection"] for entry in results])
        union = np.concatenate([entry["union"] for entry in results])
        kinds = np.asarray([kind for entry in results for kind in entry["kinds"]])
        iou = np.where(union > 0, intersection / np.maximum(union, 1), 1.0)
        total = int(union.sum())
        scores = {
            "oIoU": 100.0 * int(intersection.sum()) / total if total else 100.0,
            "mIoU": 100.0 * float(iou.mean()),
        }
        for threshold in self.precision_thresholds:
            scores[f"Prec@{threshold}"] = 100.0 * float((iou >= threshold).mean())
        for kind in sorted({str(kind) for kind in kinds} - {""}):
            scores[f"mIoU_{kind}"] = 100.0 * float(iou[kinds == kind].mean())
        return scores
