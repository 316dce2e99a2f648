"""COCO segmentations of one reference to one mask: the union of all their parts."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from .drawn_polygons import draw_polygons
from .mat_masks import read_mat_mask
from .short_repr import short_repr

if TYPE_CHECKING:
    from collections.abc import Sequence

# Keys of parts that are no COCO segmentations, and are decoded as others do it.
MAT_FILE = "mat_file"
DRAWN_POLYGONS = "drawn_polygons"

# A polygon may leave its picture a little. One that leaves it by far is an error of
# units, and pycocotools would take memory for every pixel of its outline.
MAX_OUTSIDE = 10
# Bits of a run length with its sign: more than any picture has pixels, and sums of any
# number of them stay far below 64 bits.
MAX_RUN_BITS = 30


def decode_segmentations(
    segmentations: Sequence[Any], height: int, width: int
) -> np.ndarray:
    """Decode the union of COCO segmentations.

    Parts that overlap count once: adding them up gives pixels of value 2, which get
    lost or inverted later.

    Args:
        segmentations: One entry for each annotation: a list of polygons ``[x0, y0, x1,
            y1, ...]`` in pixels, a run-length encoding ``{"size": [height, width],
            "counts": ...}``, compressed or not, or a list of those. Instead of an
            encoding ``{"mat_file": path}`` has it read by :func:`read_mat_mask`, and
            ``{"drawn_polygons": polygons}`` drawn by :func:`draw_polygons`.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Returns:
        ``(height, width)`` uint8 of 0 and 1; no segmentation gives an empty mask.

    Raises:
        FileNotFoundError: A file of a mask is missing.
        ValueError: A polygon is malformed, or a run-length encoding or a file is
            malformed or of another size.
    """
    merged = _merge(segmentations, height, width)
    if merged is None:
        return np.zeros((height, width), dtype=np.uint8)
    # pycocotools lays masks out column by column; OpenCV turns that faster than NumPy.
    mask: np.ndarray = cv2.transpose(coco_mask.decode(merged).T)
    return mask


def encode_segmentations(
    segmentations: Sequence[Any], height: int, width: int
) -> dict[str, Any]:
    """Encode the union of COCO segmentations as one run-length encoding.

    Args:
        segmentations: As in :func:`decode_segmentations`.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Returns:
        A compressed run-length encoding, with counts as text; no segmentation gives
        that of an empty mask.

    Raises:
        ValueError: As in :func:`decode_segmentations`.
    """
    merged = _merge(segmentations, height, width)
    if merged is None:
        return encode_mask(np.zeros((height, width), dtype=np.uint8))
    return _as_text(merged)


def encode_mask(mask: np.ndarray) -> dict[str, Any]:
    """Encode a mask as a compressed run-length encoding, with counts as text.

    Args:
        mask: ``(height, width)`` bool, or uint8 of 0 and 1.
    """
    return _as_text(coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)))


def mask_area(encoding: dict[str, Any]) -> int:
    """Number of pixels of a mask.

    Args:
        encoding: Its compressed run-length encoding.
    """
    return int(coco_mask.area(encoding))


def _as_text(encoding: dict[str, Any]) -> dict[str, Any]:
    return {
        "size": [int(length) for length in encoding["size"]],
        "counts": encoding["counts"].decode("ascii"),
    }


def _merge(segmentations: Sequence[Any], height: int, width: int) -> Any:
    """The union as a compressed run-length encoding, None without segmentations."""
    encodings = [
        encoding
        for segmentation in segmentations
        for encoding in encode_parts(segmentation, height, width)
    ]
    return coco_mask.merge(encodings) if encodings else None


def check_segmentation(segmentation: Any, height: int, width: int) -> None:
    """Check COCO's form of a segmentation, of one annotation, without decoding it.

    Args:
        segmentation: A list of polygons, a run-length encoding, or a list of those.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Raises:
        ValueError: It is neither, or malformed, or a run-length encoding is of another
            size.
    """
    for number, part in enumerate(_parts(segmentation)):
        try:
            if isinstance(part, dict):
                _check_run_lengths(part, height, width)
            else:
                _check_polygon(part, height, width)
        except ValueError as error:
            raise ValueError(f"part {number} of the segmentation {error}") from None


def polygon_extent(segmentation: Any) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of a checked segmentation's polygons, in pixels.

    Args:
        segmentation: A list of polygons, a run-length encoding, or a list of those.

    Returns:
        None if there is no polygon.
    """
    polygons = [part for part in _parts(segmentation) if not isinstance(part, dict)]
    if not polygons:
        return None
    x = [value for polygon in polygons for value in polygon[0::2]]
    y = [value for polygon in polygons for value in polygon[1::2]]
    return min(x), min(y), max(x), max(y)


def _parts(segmentation: Any) -> Sequence[Any]:
    parts = [segmentation] if isinstance(segmentation, dict) else segmentation
    if not isinstance(parts, (list, tuple)) or not parts:
        raise ValueError(
            "the segmentation has no part; expected a list of polygons or a run-length "
            f"encoding, got {short_repr(segmentation)}"
        )
    return parts


def encode_parts(segmentation: Any, height: int, width: int) -> list[Any]:
    """Encode the parts of one annotation, each by itself.

    Args:
        segmentation: One entry of those of :func:`decode_segmentations`.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Returns:
        Compressed run-length encodings, one or more.

    Raises:
        ValueError: As in :func:`decode_segmentations`.
    """
    encodings = []
    for number, part in enumerate(_parts(segmentation)):
        try:
            if isinstance(part, dict):
                encodings.append(_encoding(part, height, width))
            else:
                _check_polygon(part, height, width)
                encodings.extend(coco_mask.frPyObjects([list(part)], height, width))
        except (ValueError, FileNotFoundError) as error:
            message = f"part {number} of the segmentation {error}"
            raise type(error)(message) from None
    return encodings


def _encoding(part: dict[str, Any], height: int, width: int) -> Any:
    if MAT_FILE in part:
        mask = read_mat_mask(str(part[MAT_FILE]), height, width)
    elif DRAWN_POLYGONS in part:
        for polygon in part[DRAWN_POLYGONS]:
            _check_coordinates(polygon, height, width)
        mask = draw_polygons(part[DRAWN_POLYGONS], height, width)
    else:
        return _run_lengths(part, height, width)
    return coco_mask.encode(np.asfortranarray(mask))


def _check_polygon(polygon: Any, height: int, width: int) -> None:
    if not isinstance(polygon, (list, tuple)):
        raise ValueError(f"is {short_repr(polygon)}, no list of coordinates")
    # With 4 numbers pycocotools would take the polygon for a box.
    if len(polygon) < 6 or len(polygon) % 2:
        raise ValueError(
            f"has {len(polygon)} coordinates; a polygon needs an even number of them, "
            "6 or more"
        )
    _check_coordinates(polygon, height, width)


def _check_coordinates(polygon: Any, height: int, width: int) -> None:
    limit = MAX_OUTSIDE * max(height, width)
    if _all_within(polygon, limit):
        return
    for value in polygon:
        # Written so that NaN fails as well.
        if not (_is_number(value) and abs(value) <= limit):
            raise ValueError(
                f"has the coordinate {short_repr(value)}; coordinates are numbers of "
                "pixels, "
                f"here in an image of height {height} and width {width}"
            )


def _all_within(values: Sequence[Any], limit: int) -> bool:
    """Whether all are plain numbers of at most that size, without a look at each."""
    if not set(map(type, values)) <= {int, float} or len(values) == 0:
        return False
    # The sum is for NaN, with which no comparison is true, nor any order.
    return -limit <= min(values) <= max(values) <= limit and not isnan(sum(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _run_lengths(encoding: dict[str, Any], height: int, width: int) -> Any:
    _check_run_lengths(encoding, height, width)
    if isinstance(encoding["counts"], (str, bytes)):
        return encoding
    return coco_mask.frPyObjects(encoding, height, width)


def _check_run_lengths(encoding: dict[str, Any], height: int, width: int) -> None:
    if "counts" not in encoding or "size" not in encoding:
        raise ValueError(
            f"has the keys {short_repr(sorted(map(str, encoding)))}; a run-length "
            "encoding has 'size' and "
            "'counts'"
        )
    size, counts = encoding["size"], encoding["counts"]
    if size not in ([height, width], (height, width)):
        raise ValueError(
            f"is of size (height, width) {short_repr(size)}, but the image is of size "
            f"{[height, width]}"
        )
    runs = _compressed_counts(counts) if isinstance(counts, (str, bytes)) else counts
    # pycocotools checks neither signs nor sum: it loops for ever or leaves pixels
    # uninitialised.
    if (
        not isinstance(runs, list)
        or not all(type(run) is int and run >= 0 for run in runs)
        or sum(runs) != height * width
    ):
        raise ValueError(
            f"has malformed counts {short_repr(counts)}; expected are run lengths "
            f"with the sum {height * width}"
        )


def _compressed_counts(counts: str | bytes) -> list[int] | None:
    """Run lengths of COCO's compressed form, or None if it is malformed.

    A number is its groups of 5 bits, lowest first, each a character from code 48 on;
    bit 5 says that another group follows, bit 4 of the last one is the sign. From the
    fourth number on it is the difference to the number two places before.
    """
    try:
        content = counts.encode("ascii") if isinstance(counts, str) else counts
    except UnicodeEncodeError:
        return None
    groups = np.frombuffer(content, dtype=np.uint8).astype(np.int64) - 48
    if len(groups) == 0:
        return []
    if groups.min() < 0 or groups.max() > 63 or groups[-1] & 0x20:
        return None
    ends = np.flatnonzero(groups & 0x20 == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if 5 * int(lengths.max()) > MAX_RUN_BITS:  # would make an ever larger number
        return None
    places = np.arange(len(groups)) - np.repeat(starts, lengths)
    values = np.add.reduceat((groups & 0x1F) << 5 * places, starts)
    values -= np.where(groups[ends] & 0x10, 1 << 5 * lengths, 0)
    for first in (1, 2):
        values[first::2] = np.cumsum(values[first::2])
    runs: list[int] = values.tolist()
    return runs
