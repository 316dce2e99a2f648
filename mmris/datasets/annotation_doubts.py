"""Annotations that can be read and contradict themselves, told in one warning each.

They are used as they stand: published files may have some. A file that was damaged or
converted wrongly has many.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log

from .masks import polygon_extent

if TYPE_CHECKING:
    from pathlib import Path

# In pixels. COCO rounds boxes, and its polygons leave pictures by fractions of a pixel.
TOLERANCE = 2.0
# Beyond any picture.
_LARGEST = 1e9

_OUTSIDE = "leave their picture by more than 2 pixels, where their mask is cut"
_BOX = "have a 'bbox' that is not that of their polygons"
_CROWD = "are crowds ('iscrowd') and yet drawn as the outline of one object"
_CATEGORY = "are of another category than a reference that names them"


class AnnotationDoubts:
    """Collects doubts while a file is read.

    Args:
        path: The file with the annotations, for the warnings.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.doubts: dict[str, dict[int, None]] = {}

    def look(
        self, annotation: dict[str, Any], image: dict[str, Any], categories: set[int]
    ) -> None:
        """Look at an annotation that a reference names.

        Args:
            annotation: Its entry in the file, with a segmentation that was checked.
            image: Its picture, with height and width.
            categories: Those of the reference.
        """
        category = annotation.get("category_id", min(categories))
        if not isinstance(category, int) or category not in categories:
            self._note(_CATEGORY, annotation)
        extent = polygon_extent(annotation["segmentation"])
        if extent is None:
            return
        left, top, right, bottom = extent
        if max(-left, -top, right - image["width"], bottom - image["height"]) > (
            TOLERANCE
        ):
            self._note(_OUTSIDE, annotation)
        if "bbox" in annotation and not _is_box_of(annotation["bbox"], extent):
            self._note(_BOX, annotation)
        if annotation.get("iscrowd"):
            self._note(_CROWD, annotation)

    def _note(self, doubt: str, annotation: dict[str, Any]) -> None:
        self.doubts.setdefault(doubt, {})[annotation["id"]] = None

    def tell(self) -> None:
        """Log one warning for each kind of doubt."""
        for doubt, numbers in self.doubts.items():
            print_log(
                f"{self.path}: {len(numbers)} annotations {doubt}, the first of them "
                f"{next(iter(numbers))}. tools/dataset_tools/check_dataset.py looks at "
                "them more closely",
                logger="current",
                level=logging.WARNING,
            )


def _is_box_of(box: Any, extent: tuple[float, float, float, float]) -> bool:
    if not isinstance(box, list) or len(box) != 4:
        return False
    # Written so that NaN fails as well. Numbers of hundreds of digits become no float.
    if not all(isinstance(n, (int, float)) and abs(n) <= _LARGEST for n in box):
        return False
    left, top, width, height = box
    corners = (left, top, left + width, top + height)
    return all(abs(a - b) <= TOLERANCE for a, b in zip(corners, extent, strict=True))
