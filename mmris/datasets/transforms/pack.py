"""Packs an item for the model."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmris.registry import TRANSFORMS

META_KEYS = (
    "image_id",
    "img_path",
    "sample_idx",
    "ori_shape",
    "img_shape",
    "content_box",
    "flip",
)
# One entry for each of the K expressions.
FIELDS = (
    "expressions",
    "ref_ids",
    "ann_ids",
    "sent_ids",
    "category_ids",
    "num_distractors",
    "kinds",
)


@TRANSFORMS.register_module()
class PackRefInputs(BaseTransform):
    """Pack an item into ``dict(inputs, data_samples)``.

    ``inputs`` is the picture, ``(3, H, W)`` uint8 in BGR order. ``data_samples`` is a
    ``SegDataSample`` with the fields of ``FIELDS`` (lists of K), with masks as
    ``gt_sem_seg.data`` ``(K, h, w)`` uint8 if there are any, and as metainfo those of
    ``META_KEYS`` that the item has.

    Raises:
        ValueError: The number of masks is not the number of expressions.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pack an item.

        Args:
            results: The item.

        Returns:
            The packed item.
        """
        height, width, channels = results["img"].shape
        image = np.empty((channels, height, width), dtype=results["img"].dtype)
        cv2.split(results["img"], list(image))  # NumPy's transposing takes thrice that
        sample = SegDataSample()
        for key in META_KEYS:
            if key in results:  # as metainfo of the constructor, but not copied deeply
                sample.set_field(results[key], key, field_type="metainfo")
        for key in FIELDS:
            if key in results:
                sample.set_field(results[key], key)
        if "gt_masks" in results:
            masks = np.ascontiguousarray(results["gt_masks"])
            if len(masks) != len(results["expressions"]):
                raise ValueError(
                    f"got {len(masks)} masks for {len(results['expressions'])} "
                    "expressions. A transform before PackRefInputs changed one of them "
                    "alone"
                )
            sample.gt_sem_seg = PixelData(data=torch.from_numpy(masks))
        return {"inputs": torch.from_numpy(image), "data_samples": sample}
