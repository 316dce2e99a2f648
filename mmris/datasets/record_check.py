"""Checks the records that a dataset gives, before anything is made of them.

What is missing would come up as a KeyError in a worker of a data loader; a polygon
outside of its picture would be trained on as an empty mask, in silence.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

from .masks import DRAWN_POLYGONS, MAT_FILE, check_segmentation, polygon_extent
from .short_repr import short_repr

_MEANINGS = {
    "image_id": "a whole number, another one for each picture",
    "height": "the height of the picture in pixels",
    "width": "the width of the picture in pixels",
    "references": "a list of what sentences are about, one or more",
    "ref_id": "a whole number, another one for each reference",
    "ann_ids": "a list of whole numbers, one for each annotation",
    "category_id": "a whole number, -1 if there are no categories",
    "segmentations": "a list with one COCO segmentation for each annotation",
    "sentences": "a list of sentences, one or more",
    "sent_id": "a whole number, another one for each sentence",
    "text": "the sentence",
    "kind": 'the name of a group of sentences, "" for none',
}


def check_record(record: Any, *, where: str, makes_pictures: bool) -> None:
    """Check one record, as :class:`BaseRefDataset` describes it.

    Args:
        record: The record.
        where: What it is called in messages.
        makes_pictures: Whether the dataset makes pictures, so that no file is needed.

    Raises:
        ValueError: A field is missing or of another kind, or a segmentation is
            malformed or outside of the picture; the message names record and field.
    """
    _fields(
        record, where, numbers=("image_id", "height", "width"), lists=("references",)
    )
    if min(record["height"], record["width"]) < 1:
        raise ValueError(
            f"{where}: height and width are {record['height']} and {record['width']}; "
            "give those of the picture in pixels"
        )
    if not makes_pictures and not {"img_path", "file_name"} & set(record):
        raise ValueError(
            f"{where} has neither 'img_path' nor 'file_name', and the dataset has no "
            "load_image of its own. Give the path of the picture"
        )
    if not record["references"]:
        raise ValueError(
            f"{where} has no references, so that there is nothing to ask of the "
            "picture. Leave the record out"
        )
    for number, reference in enumerate(record["references"]):
        _check_reference(reference, record, f"{where}, reference {number}")


def _check_reference(reference: Any, record: dict[str, Any], where: str) -> None:
    _fields(
        reference,
        where,
        numbers=("ref_id", "category_id"),
        lists=("ann_ids", "segmentations", "sentences"),
    )
    annotations, segmentations = reference["ann_ids"], reference["segmentations"]
    if len(annotations) != len(segmentations):
        raise ValueError(
            f"{where}: {len(annotations)} 'ann_ids' and {len(segmentations)} "
            "'segmentations'; give one for each annotation: a list of polygons, or a "
            "run-length encoding"
        )
    if not reference["sentences"]:
        raise ValueError(f"{where} has no sentences. Leave the reference out")
    for number, sentence in enumerate(reference["sentences"]):
        place = f"{where}, sentence {number}"
        _fields(sentence, place, numbers=("sent_id",), texts=("text", "kind"))
        if not sentence["text"].strip():
            raise ValueError(
                f"{place} is {sentence['text']!r}, which names nothing. Leave it out"
            )
    for segmentation in segmentations:
        _check_segmentation(segmentation, record["height"], record["width"], where)


def _check_segmentation(value: Any, height: int, width: int, where: str) -> None:
    # No segmentations of COCO; they are looked at when a mask is made of them.
    if isinstance(value, dict) and {MAT_FILE, DRAWN_POLYGONS} & set(value):
        return
    try:
        check_segmentation(value, height, width)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    extent = polygon_extent(value)
    if extent is None:
        return
    left, top, right, bottom = extent
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        problem = "lies outside of"
        remedy = "Coordinates are x, y, x, y, ... in pixels from the top left"
    elif right <= 1 and bottom <= 1:
        problem = "is less than one pixel of"
        remedy = "Coordinates are in pixels; multiply shares by width and height"
    else:
        return
    raise ValueError(
        f"{where}: the segmentation, x {left:g} to {right:g} and y {top:g} to "
        f"{bottom:g}, {problem} the picture of height {height} and width {width}. "
        f"{remedy}"
    )


def _fields(
    entry: Any,
    where: str,
    *,
    numbers: tuple[str, ...] = (),
    lists: tuple[str, ...] = (),
    texts: tuple[str, ...] = (),
) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is {short_repr(entry)}; expected a dictionary")
    for names, kinds in ((numbers, Integral), (lists, (list, tuple)), (texts, str)):
        for name in names:
            if name not in entry:
                raise ValueError(
                    f"{where} has no {name!r}; it is {_MEANINGS[name]}. There are: "
                    f"{', '.join(map(str, entry)) or 'none'}"
                )
            value = entry[name]
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise ValueError(
                    f"{where}: {name!r} is {short_repr(value)}; it is {_MEANINGS[name]}"
                )
