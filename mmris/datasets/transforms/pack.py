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

from .picture_check import check_picture

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
_BEFORE = "See what the transforms before it do"
_ALONE = "A transform before PackRefInputs changed one of them alone"


@TRANSFORMS.register_module()
class PackRefInputs(BaseTransform):
    """Pack an item into ``dict(inputs, data_samples)``.

    ``inputs`` is the picture, ``(3, H, W)`` uint8 in BGR order. ``data_samples`` is a
    ``SegDataSample`` with the fields of ``FIELDS`` (lists of K), with masks as
    ``gt_sem_seg.data`` ``(K, h, w)`` uint8 if there are any, and as metainfo those of
    ``META_KEYS`` that the item has.

    Raises:
        ValueError: The picture is no ``(H, W, 3)`` uint8, or the masks are not one for
            each expression, of 0 and 1, at the size of the picture or of the original.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pack an item.

        Args:
            results: The item.

        Returns:
            The packed item.
        """
        picture: Any = results.get("img")
        check_picture(picture, source="the picture of PackRefInputs", remedy=_BEFORE)
        height, width, channels = picture.shape
        image = np.empty((channels, height, width), dtype=np.uint8)
        cv2.split(picture, list(image))  # NumPy's transposing takes thrice that
        sample = SegDataSample()
        for key in META_KEYS:
            if key in results:  # as metainfo of the constructor, but not copied deeply
                sample.set_field(results[key], key, field_type="metainfo")
        for key in FIELDS:
            if key in results:
                sample.set_field(results[key], key)
        if "gt_masks" in results:
            masks = _checked_masks(results)
            sample.gt_sem_seg = PixelData(data=torch.from_numpy(masks))
        return {"inputs": torch.from_numpy(image), "data_samples": sample}


def _checked_masks(results: dict[str, Any]) -> np.ndarray:
    """Masks as the model wants them; each of these mistakes would train in silence."""
    masks = np.ascontiguousarray(results["gt_masks"])
    if masks.dtype == bool:
        masks = masks.view(np.uint8)
    if len(masks) != len(results["expressions"]):
        raise ValueError(
            f"got {len(masks)} masks for {len(results['expressions'])} expressions. "
            f"{_ALONE}"
        )
    sizes = {results["img"].shape[:2], tuple(results.get("ori_shape", ()))}
    if masks.dtype != np.uint8 or masks.shape[1:] not in sizes:
        raise ValueError(
            f"PackRefInputs got masks of shape {masks.shape} and type {masks.dtype} "
            f"for a picture of {results['img'].shape[:2]}; they are uint8 or bool, of "
            f"its size or of the original's. {_ALONE}"
        )
    if masks.size and masks.max() > 1:
        raise ValueError(
            f"PackRefInputs got masks with the value {masks.max()}; write 1 where the "
            "object is and 0 elsewhere"
        )
    return masks
