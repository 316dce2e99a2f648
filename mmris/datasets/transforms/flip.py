"""Flips the picture, the masks and the words of an item together."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmris.registry import TRANSFORMS

from .mirrored_words import mirror_words


@TRANSFORMS.register_module()
class RefRandomFlip(BaseTransform):
    """Mirror an item left to right at random, its sentences included.

    Sentences change through :func:`mirror_words`. The draw is taken from NumPy's global
    generator, which the dataset seeds for each item.

    Reads and writes ``img``, ``expressions`` and, if present, ``gt_masks`` and
    ``content_box``; writes ``flip``, whether the item was mirrored.

    Args:
        prob: Probability of mirroring, 0 to 1.

    Raises:
        ValueError: ``prob`` is out of range.
    """

    def __init__(self, *, prob: float) -> None:
        super().__init__()
        if not 0 <= prob <= 1:
            raise ValueError(f"prob of RefRandomFlip is {prob}; give 0 to 1")
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Mirror an item or leave it.

        Args:
            results: The item.

        Returns:
            The item.
        """
        results["flip"] = bool(np.random.rand() < self.prob)
        if not results["flip"]:
            return results
        results["img"] = np.ascontiguousarray(results["img"][:, ::-1])
        results["expressions"] = [mirror_words(text) for text in results["expressions"]]
        if "gt_masks" in results:
            results["gt_masks"] = np.ascontiguousarray(results["gt_masks"][:, :, ::-1])
        if "content_box" in results:
            top, left, height, width = results["content_box"]
            left = results["img"].shape[1] - left - width
            results["content_box"] = (top, left, height, width)
        return results
