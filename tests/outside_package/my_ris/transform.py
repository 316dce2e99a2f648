"""Pictures grow smaller: what they show, and its masks, move onto a grey canvas."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmris.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomZoomOut(BaseTransform):
    def __init__(self, *, smallest=0.5):
        super().__init__()
        self.smallest = smallest

    def transform(self, results):
        height, width = results["img"].shape[:2]
        # From NumPy's generator, which the dataset seeds anew for each item.
        scale = np.random.uniform(self.smallest, 1)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        left = np.random.randint(width - size[0] + 1)
        top = np.random.randint(height - size[1] + 1)
        inside = slice(top, top + size[1]), slice(left, left + size[0])

        canvas = np.full_like(results["img"], 128)
        canvas[inside] = cv2.resize(results["img"], size)
        masks = np.zeros_like(results["gt_masks"])  # (K, height, width) of 0 and 1
        for before, after in zip(results["gt_masks"], masks):
            after[inside] = cv2.resize(
                before, size, interpolation=cv2.INTER_NEAREST_EXACT
            )
        return {**results, "img": canvas, "gt_masks": masks}
