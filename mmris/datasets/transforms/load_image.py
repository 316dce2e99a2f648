"""Reads the picture of an item."""

from __future__ import annotations

from typing import Any

import mmcv
from mmcv.transforms import BaseTransform
from mmengine import fileio

from mmris.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadRefImage(BaseTransform):
    """Load a picture as ``(H, W, 3)`` uint8 in BGR order.

    A picture that the dataset made is kept. The orientation in a photograph's EXIF
    data is ignored: masks are in the pixels as they are stored.

    Reads ``img`` or ``img_path``, ``height``, ``width``; writes ``img``, ``img_shape``
    and ``ori_shape``, both ``(height, width)``.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is no complete picture, or of another size than its record
            says.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Load the picture of an item.

        Args:
            results: The item.

        Returns:
            The item with its picture.
        """
        if "img" not in results:
            results["img"] = _read(results["img_path"])
        size = tuple(results["img"].shape[:2])
        recorded = (results.get("height", size[0]), results.get("width", size[1]))
        if size != recorded:
            raise ValueError(
                f"{results.get('img_path') or 'the picture'} is of size (height, "
                f"width) {size}, but its annotations are for {recorded}. Use the "
                "pictures that the annotations were made on, not resized or rotated"
            )
        results["img_shape"] = results["ori_shape"] = size
        return results


def _read(path: str) -> Any:
    try:
        content = fileio.get(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"no picture {path}. Check the folder of the pictures ('image_dir' of the "
            "dataset) and that all of them were copied"
        ) from None
    try:
        # Pillow refuses a file that ends early; OpenCV fills the rest with grey.
        return mmcv.imfrombytes(
            content, flag="color_ignore_orientation", backend="pillow"
        )
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{path} ({len(content)} bytes) is no complete picture: {error}. Copy or "
            "download it again"
        ) from None
