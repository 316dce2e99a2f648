"""Decodes the masks of an item."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmris.datasets.masks import decode_segmentations
from mmris.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadRefMasks(BaseTransform):
    """Load one mask for each expression, ``gt_masks`` ``(K, H, W)`` uint8 of 0 and 1.

    Each reference is decoded once, however many expressions it has. Masks are made at
    the original size: put this before :class:`RefResize` in training, so that they are
    resized with the picture, and after it in testing, so that scores are taken at the
    original size.

    Reads ``segmentations``, ``mask_index``, ``height``, ``width``; writes
    ``gt_masks``.

    Raises:
        FileNotFoundError: A mask's file is missing.
        ValueError: A segmentation is malformed, or the picture was flipped already.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Load the masks of an item.

        Args:
            results: The item.

        Returns:
            The item with its masks.
        """
        if "flip" in results:
            raise ValueError(
                "LoadRefMasks comes after RefRandomFlip: its masks would stay. "
                "Put it before RefRandomFlip in the pipeline"
            )
        mask_index = results["mask_index"]
        masks = [
            self._decode(results, reference)
            for reference in range(len(results["segmentations"]))
        ]
        results["gt_masks"] = (
            masks[0][None]  # not copied
            if len(mask_index) == 1
            else np.stack([masks[reference] for reference in mask_index])
        )
        return results

    def _decode(self, results: dict[str, Any], reference: int) -> np.ndarray:
        try:
            return decode_segmentations(
                results["segmentations"][reference],
                results["height"],
                results["width"],
            )
        except (ValueError, FileNotFoundError) as error:
            expression = list(results["mask_index"]).index(reference)
            raise type(error)(
                f"image {results['image_id']} ({results['img_path']}), ref_id "
                f"{results['ref_ids'][expression]}, annotations "
                f"{results['ann_ids'][expression]}: {error}. Correct it in the "
                "data set"
            ) from None
