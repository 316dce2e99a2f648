"""Masks of a user's annotation file, in any of its forms, to run-length encodings."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from .mask_files import read_mask_file, select_object
from .masks import encode_mask, encode_segmentations, mask_area
from .short_repr import short_repr

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from .ref_entry import RefEntry

_REMEDY = "Draw the object, or remove the entry"


class MaskReader:
    """Reads and checks the masks of entries.

    The file read last is kept, for maps of numbers that many entries point into.

    Args:
        folder: Folder of the PNG files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last: tuple[str, np.ndarray] | None = None

    def read(self, entry: RefEntry, height: int, width: int) -> list[dict[str, Any]]:
        """Read the mask of an entry.

        What of polygons lies outside the picture is cut off.

        Args:
            entry: The entry.
            height: Height of its picture in pixels.
            width: Width of its picture in pixels.

        Returns:
            A compressed COCO run-length encoding with at least one pixel; none if the
            entry is about nothing in the picture.

        Raises:
            FileNotFoundError: No such PNG file.
            ValueError: The mask is malformed, empty, outside the picture or of another
                size.
        """
        if entry.mask is None:
            return []
        try:
            if isinstance(entry.mask, str):
                size = height, width
                return [self._from_file(entry.mask, entry.mask_value, size)]
            return [_from_shapes(entry.mask, height, width)]
        except (ValueError, FileNotFoundError) as error:
            raise type(error)(f"{entry.where}: 'mask': {error}") from None

    def _from_file(
        self, name: str, value: int | None, size: tuple[int, int]
    ) -> dict[str, Any]:
        if self._last is None or self._last[0] != name:
            self._last = name, read_mask_file(self.folder, name)
        numbers = self._last[1]
        if numbers.shape != size:
            raise ValueError(
                f"{self.folder / name} is of size (height, width) {numbers.shape}, but "
                f"the picture is of size {size}. {_size_hint(numbers.shape, size)}"
            )
        try:
            mask = select_object(numbers, value, str(self.folder / name))
        except ValueError as error:
            raise ValueError(f"{error}. {_REMEDY}") from None
        return encode_mask(mask)


def _from_shapes(mask: Any, height: int, width: int) -> dict[str, Any]:
    if not mask:
        raise ValueError(f"is empty, {mask!r}. {_REMEDY}")
    if isinstance(mask, dict):
        size = mask.get("size")
        if isinstance(size, list) and size != [height, width]:
            raise ValueError(
                "the run-length encoding is of size [height, width] "
                f"{short_repr(size)}, but "
                f"the picture is of size {[height, width]}. "
                f"{_size_hint(tuple(size), (height, width))}"
            )
        encoding = encode_segmentations([mask], height, width)
    else:
        _check_nesting(mask)
        encoding = encode_segmentations([mask], height, width)
        _check_units(mask, height, width)
    if not mask_area(encoding):
        if isinstance(mask, list) and _is_outside(mask, height, width):
            raise ValueError(
                f"lies outside the picture, which has height {height} and width "
                f"{width}. Check that the mask belongs to this picture and that x "
                "stands before y"
            )
        raise ValueError(f"covers no pixel. {_REMEDY}")
    return encoding


def _check_nesting(mask: list[Any]) -> None:
    """Say how many brackets are missing or too many."""
    if all(isinstance(value, int | float) for value in mask):
        raise ValueError(
            "is one list of numbers; a mask is a list of polygons. Write "
            "[[x0, y0, x1, y1, ...]], with two brackets"
        )
    points = [part for part in mask if isinstance(part, list)]
    nested = any(isinstance(part[0], list) for part in points if part)
    if nested or (len(points) > 2 and all(len(part) == 2 for part in points)):
        raise ValueError(
            "is made of points [x, y]; a polygon is one list of coordinates. Write "
            "[[x0, y0, x1, y1, ...]] instead of points"
        )


def _flat(mask: list[Any]) -> list[float]:
    return list(chain.from_iterable(part for part in mask if isinstance(part, list)))


def _check_units(mask: list[Any], height: int, width: int) -> None:
    values = _flat(mask)
    if values and min(height, width) > 2 and all(0 <= value <= 1 for value in values):
        raise ValueError(
            "has coordinates from 0 to 1 only, as if they were shares of the picture. "
            f"Write pixels: x times the width {width}, y times the height {height}"
        )


def _is_outside(mask: list[Any], height: int, width: int) -> bool:
    values = _flat(mask)
    across, down = values[0::2], values[1::2]
    return bool(values) and (
        max(across) <= 0
        or min(across) >= width
        or max(down) <= 0
        or min(down) >= height
    )


def _size_hint(size: tuple[Any, ...], wanted: tuple[int, int]) -> str:
    if size == wanted[::-1]:
        return (
            "Height and width are exchanged: either sizes were written as (width, "
            "height), or the masks were drawn on a photograph that its EXIF data turn. "
            "Masks are in the pixels as they are stored"
        )
    return "Masks are in the pixels of the picture: do not resize one of them alone"
