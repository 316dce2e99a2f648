"""Files of labelme to entries of own data."""

from __future__ import annotations

import base64
import binascii
import io
import math
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from mmris.datasets.annotation_checks import read_annotation_file, required_field
from mmris.datasets.masks import encode_mask
from mmris.datasets.picture_headers import PictureHeader, read_picture_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .left_out import LeftOut

SentenceField = Literal["description", "label"]
# Corners of the polygon that stands for a circle.
CIRCLE_CORNERS = 64
# Shapes that have an inside, and how many points each has at least.
_AREAS = {"polygon": 3, "rectangle": 2, "circle": 2, "mask": 2}


def read_labelme_entries(
    files: Sequence[Path], *, sentences: SentenceField, left_out: LeftOut
) -> list[dict[str, Any]]:
    """Make entries of labelme's files, one of them a picture.

    Shapes of the same label and ``group_id`` are the parts of one object, as labelme
    has it. Polygons, rectangles, circles and masks become masks; points and lines have
    no inside and are left out.

    Args:
        files: The files.
        sentences: Where the sentences are. ``"description"``: each line of a shape's
            description is one. ``"label"``: the label is one, and means all shapes of
            that label in the picture.
        left_out: Takes what becomes no entry.

    Returns:
        Entries without ``split``, for :func:`write_entry_file`; ``image`` is the path
        of the picture.

    Raises:
        FileNotFoundError: A picture is missing.
        ValueError: A file is malformed, its picture is of another size or is to be
            turned by its EXIF data, or no shape has a sentence.
    """
    entries: list[dict[str, Any]] = []
    for path in files:
        content = read_annotation_file(path)
        shapes = required_field(content, "shapes", list, str(path))
        folder, name = _picture(content, path)
        header = read_picture_header(folder, name)
        _check_size(content, header, path)
        for group in _objects(shapes, sentences, path, left_out):
            texts = _texts(group, sentences, path, left_out)
            if texts:
                entries.append(
                    {
                        "image": str(folder / name),
                        "size": (header.height, header.width),
                        "mask": _mask(group, header, path),
                        "sentences": texts,
                        "category": group[0]["label"],
                    }
                )
    if not entries:
        hint = (
            "write them into 'description' in labelme, or take the labels"
            if sentences == "description"
            else "give the shapes labels"
        )
        raise ValueError(f"no shape of {len(files)} files has a sentence: {hint}")
    return entries


def _picture(content: dict[str, Any], path: Path) -> tuple[Path, str]:
    name = required_field(content, "imagePath", str, str(path))
    # labelme on Windows writes backslashes.
    parts = PureWindowsPath(name).parts if "\\" in name else Path(name).parts
    return path.parent, str(Path(*parts)) if parts else ""


def _check_size(content: dict[str, Any], header: PictureHeader, path: Path) -> None:
    drawn = content.get("imageHeight"), content.get("imageWidth")
    if header.turned:
        raise ValueError(
            f"{path}: the EXIF data of its picture ask to turn it, and labelme shows "
            "it turned, but masks are in the pixels as they are stored. Save the "
            "picture turned and without EXIF data"
        )
    if None not in drawn and drawn != (header.height, header.width):
        raise ValueError(
            f"{path} is for a picture of (height, width) {drawn}, but the picture is "
            f"of {(header.height, header.width)}. Use the picture that it was drawn on"
        )


def _objects(
    shapes: list[Any], sentences: SentenceField, path: Path, left_out: LeftOut
) -> list[list[dict[str, Any]]]:
    """The shapes that make one object each."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for number, shape in enumerate(shapes):
        where = f"{path}, shape {number}"
        label = required_field(shape, "label", str, where)
        required_field(shape, "points", list, where)
        kind = str(shape.get("shape_type") or "polygon")
        if kind not in _AREAS:
            left_out.add(f"shapes of type {kind!r}, which has no inside", where)
            continue
        _check_points(shape, kind, where)
        if sentences == "label":
            key: Any = label
        elif shape.get("group_id") is not None:
            key = (label, repr(shape["group_id"]))
        else:
            key = number
        groups.setdefault(key, []).append({**shape, "where": where, "kind": kind})
    return list(groups.values())


def _check_points(shape: dict[str, Any], kind: str, where: str) -> None:
    points = shape["points"]
    if len(points) < _AREAS[kind] or not all(
        isinstance(point, list)
        and len(point) == 2
        and all(type(v) in (int, float) and math.isfinite(v) for v in point)
        for point in points
    ):
        raise ValueError(
            f"{where}: 'points' of a {kind} is {points!r:.80}; expected "
            f"{_AREAS[kind]} or more points [x, y]"
        )


def _texts(
    group: list[dict[str, Any]],
    sentences: SentenceField,
    path: Path,
    left_out: LeftOut,
) -> list[str]:
    if sentences == "label":
        lines = [group[0]["label"]]
    else:
        lines = [
            line
            for shape in group
            for line in str(shape.get("description") or "").splitlines()
        ]
    # Parts of one object may repeat what is said of it.
    texts = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not texts:
        left_out.add(f"objects without a {sentences}", group[0]["where"])
    return texts


def _mask(group: list[dict[str, Any]], header: PictureHeader, path: Path) -> Any:
    """Polygons, or a run-length encoding where a part is painted."""
    polygons = [_polygon(shape) for shape in group if shape["kind"] != "mask"]
    painted = [shape for shape in group if shape["kind"] == "mask"]
    if not painted:
        return polygons
    whole = np.zeros((header.height, header.width), dtype=bool)
    for shape in painted:
        _paint(whole, shape)
    return [*polygons, encode_mask(whole)]


def _polygon(shape: dict[str, Any]) -> list[float]:
    points = shape["points"]
    if shape["kind"] == "rectangle":
        (left, top), (right, bottom) = points[:2]
        return [left, top, right, top, right, bottom, left, bottom]
    if shape["kind"] == "circle":
        (x, y), edge = points[:2]
        radius = math.dist((x, y), edge)
        angles = [2 * math.pi * i / CIRCLE_CORNERS for i in range(CIRCLE_CORNERS)]
        corners = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]
        return [round(value, 2) for corner in corners for value in corner]
    return [value for point in points for value in point]


def _paint(whole: np.ndarray, shape: dict[str, Any]) -> None:
    """Lay a mask, a PNG file of its box, on the picture."""
    text = required_field(shape, "mask", str, shape["where"])
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as image:
            part = np.asarray(image.convert("L")) > 0
    except (binascii.Error, OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{shape['where']}: 'mask' is no picture: {str(error)[:100]}"
        ) from None
    left, top = (round(value) for value in shape["points"][0])
    height, width = part.shape
    inside = 0 <= top <= whole.shape[0] - height and 0 <= left <= whole.shape[1] - width
    if not inside:
        raise ValueError(
            f"{shape['where']}: 'mask' of (height, width) {part.shape} at x {left}, y "
            f"{top} leaves the picture of (height, width) {whole.shape}"
        )
    whole[top : top + height, left : left + width] |= part
