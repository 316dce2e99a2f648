"""Resizes the picture and the masks of an item together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmris.registry import TRANSFORMS

if TYPE_CHECKING:
    from collections.abc import Sequence


@TRANSFORMS.register_module()
class RefResize(BaseTransform):
    """Resize to one size, plainly or as a letterbox.

    The picture is resized bilinearly, the masks by the nearest pixel, both with the
    same map: pixel ``x`` of the result is pixel ``(x + 0.5) * w / W - 0.5`` of the
    original. So cutting out ``content_box`` and resizing it bilinearly (without aligned
    corners) to ``ori_shape`` is the inverse.

    Reads ``img`` and, if present, ``gt_masks``; writes both, ``img_shape`` and
    ``content_box``, the ``(top, left, height, width)`` of the part of the result that
    shows the picture.

    Args:
        size: ``(H, W)`` of the result in pixels.
        keep_ratio: Resize to fit into ``size``, centre, and pad (a letterbox). An odd
            row or column of padding goes to the bottom or the right.
        pad_value: Value of the padding of the picture in all channels; masks are padded
            with 0.

    Raises:
        ValueError: ``size`` is not two positive ints, or ``pad_value`` no uint8.
    """

    def __init__(
        self,
        *,
        size: Sequence[int],
        keep_ratio: bool = False,
        pad_value: int = 0,
    ) -> None:
        super().__init__()
        if (
            not isinstance(size, (tuple, list))
            or len(size) != 2
            or any(type(length) is not int or length < 1 for length in size)
        ):
            raise ValueError(
                f"size of RefResize is {size!r}; give (height, width), positive ints"
            )
        if not 0 <= pad_value <= 255:
            raise ValueError(f"pad_value of RefResize is {pad_value}; give 0 to 255")
        self.size: tuple[int, int] = (size[0], size[1])
        self.keep_ratio = keep_ratio
        self.pad_value = pad_value

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize an item.

        Args:
            results: The item.

        Returns:
            The item, resized.
        """
        if "img" not in results:
            raise ValueError(
                "RefResize has no picture to resize. Put LoadRefImage first in the "
                "pipeline"
            )
        top, left, height, width = box = self._content_box(*results["img"].shape[:2])
        inside = (slice(top, top + height), slice(left, left + width))
        img = cv2.resize(
            results["img"], (width, height), interpolation=cv2.INTER_LINEAR
        )
        if img.shape[:2] != self.size:
            content = img
            img = np.full((*self.size, 3), self.pad_value, dtype=content.dtype)
            img[inside] = content
        results["img"] = img
        if "gt_masks" in results:
            masks = results["gt_masks"]
            resized = np.zeros((len(masks), *self.size), dtype=masks.dtype)
            # One by one: as channels of one picture OpenCV takes at most 512 of them.
            for source, target in zip(masks, resized, strict=True):
                # Not INTER_NEAREST, which is off by up to half a pixel.
                target[inside] = cv2.resize(
                    source, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
                )
            results["gt_masks"] = resized
        results["img_shape"] = self.size
        results["content_box"] = box
        return results

    def _content_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        if not self.keep_ratio:
            return 0, 0, *self.size
        scale = min(self.size[0] / height, self.size[1] / width)
        inner_height = min(max(round(height * scale), 1), self.size[0])
        inner_width = min(max(round(width * scale), 1), self.size[1])
        top = (self.size[0] - inner_height) // 2
        left = (self.size[1] - inner_width) // 2
        return top, left, inner_height, inner_width
