"""Rows of RefCOCO's copies on the Hugging Face hub, each kind in its own columns."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any

from .annotation_checks import required_field, required_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .refer_files import TextField


class HubColumns(Enum):
    """The kinds of copies that are read, by what one row is."""

    REFERENCE = "a reference, without its picture (jxu124/refcoco and the like)"
    IMAGE = "a picture with its references (jxu124/refcoco-benchmark)"
    SAMPLES = "a picture with samples of redrawn masks (moondream/refcoco-m)"


# Columns that a kind is known by; those of pictures' pixels are called "image".
_KNOWN_BY = {
    HubColumns.REFERENCE: frozenset(
        {"ref_id", "ann_id", "sentences", "raw_anns", "raw_image_info"}
    ),
    HubColumns.IMAGE: frozenset({"image", "ref_list", "image_info"}),
    HubColumns.SAMPLES: frozenset({"image", "image_id", "file_name", "samples"}),
}
_FLAT = frozenset({"question", "answer", "segmentation"})
_BOXES = frozenset({"caption", "bbox"})


def recognise_columns(names: Iterable[str], where: str) -> HubColumns:
    """Tell of which kind a copy is.

    Args:
        names: Names of its columns.
        where: The copy, for messages.

    Raises:
        ValueError: It is of another kind, or of one whose masks cannot be trusted.
    """
    found = frozenset(names)
    for kind, known in _KNOWN_BY.items():
        if known <= found:
            return kind
    if found >= _FLAT:
        raise ValueError(
            f"{where} is refused: it has each mask as one flat list of coordinates, in "
            "which the parts of an object cannot be told apart, its 'val' mixes "
            "references of two partitions, and its 'test' is of partition google, "
            "whose pictures others train on. Take jxu124/refcoco-benchmark, or the "
            "original files with ReferDataset"
        )
    if found >= _BOXES:
        raise ValueError(
            f"{where} has boxes and no masks (columns {sorted(found)}). It cannot be "
            "used for segmentation"
        )
    kinds = "; ".join(f"{sorted(v)}: {k.value}" for k, v in _KNOWN_BY.items())
    raise ValueError(
        f"{where} has the columns {sorted(found)}; known are copies with {kinds}"
    )


def read_reference_rows(
    rows: Iterable[dict[str, Any]], *, split: str, text_field: TextField, where: str
) -> list[dict[str, Any]]:
    """Records of a copy with one reference a row.

    Args:
        rows: The rows.
        split: The split that is wanted, as REFER names it.
        text_field: The text of a sentence, ``sent`` or ``raw``.
        where: The copy, for messages.

    Returns:
        Records with ``file_name`` instead of ``img_path``.

    Raises:
        ValueError: A row is malformed, or of another split.
    """
    records: dict[int, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        place = f"{where}, row {number}"
        own = required_field(row, "split", str, place)
        if own != split:
            raise ValueError(
                f"{place} is of split {own!r}, not {split!r}: this copy calls a split "
                f"by another name. Set 'split' of the dataset to {own!r}"
            )
        image = _parsed(row, "raw_image_info", place)
        annotation = _parsed(row, "raw_anns", place)
        reference = _reference(row, annotation, text_field, place)
        _add(records, _image(image, place), reference)
    return list(records.values())


def read_image_rows(
    rows: Iterable[dict[str, Any]], *, text_field: TextField, where: str
) -> list[dict[str, Any]]:
    """Records of a copy with one picture a row.

    Args:
        rows: The rows, their pictures left out.
        text_field: The text of a sentence, ``sent`` or ``raw``.
        where: The copy, for messages.

    Returns:
        Records with ``file_name`` and ``row`` instead of ``img_path``.

    Raises:
        ValueError: A row is malformed.
    """
    records: dict[int, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        place = f"{where}, row {number}"
        image = _image(required_field(row, "image_info", dict, place), place)
        for position, entry in enumerate(_entries(row, "ref_list", place)):
            here = f"{place}, ref_list[{position}]"
            reference = _reference(
                required_field(entry, "ref_info", dict, here),
                required_field(entry, "ann_info", dict, here),
                text_field,
                here,
            )
            _add(records, {**image, "row": number}, reference)
    return list(records.values())


def read_sample_rows(
    rows: Iterable[dict[str, Any]], *, where: str
) -> list[dict[str, Any]]:
    """Records of a copy with redrawn masks, as run-length encodings.

    Its samples have no numbers that REFER knows: references and sentences are counted
    from 0, categories from 1, in the order of the rows.

    Args:
        rows: The rows, their pictures left out.
        where: The copy, for messages.

    Returns:
        Records with ``file_name`` and ``row`` instead of ``img_path``.

    Raises:
        ValueError: A row is malformed.
    """
    records = []
    categories: dict[str, int] = {}
    num_references = num_sentences = 0
    for number, row in enumerate(rows):
        place = f"{where}, row {number}"
        references = []
        sizes = set()
        for position, sample in enumerate(_entries(row, "samples", place)):
            here = f"{place}, samples[{position}]"
            mask = _parsed(sample, "mask", here)
            sizes.add(_size(mask, here))
            texts = required_field(sample, "sentences", list, here)
            if not texts or not all(isinstance(text, str) for text in texts):
                raise ValueError(f"{here}: 'sentences' is {texts!r:.80}; expected text")
            category = required_field(sample, "category", str, here)
            references.append(
                {
                    "ref_id": num_references,
                    "ann_ids": [num_references],
                    "category_id": categories.setdefault(category, len(categories) + 1),
                    "segmentations": [mask],
                    "sentences": [
                        {"sent_id": num_sentences + i, "text": text, "kind": ""}
                        for i, text in enumerate(texts)
                    ],
                }
            )
            num_references += 1
            num_sentences += len(texts)
        if not references:
            continue
        if len(sizes) > 1:
            raise ValueError(f"{place} has masks of the sizes {sorted(sizes)}")
        height, width = sizes.pop()
        records.append(
            {
                "image_id": required_field(row, "image_id", int, place),
                "file_name": required_field(row, "file_name", str, place),
                "row": number,
                "height": height,
                "width": width,
                "references": references,
            }
        )
    return records


def _entries(row: dict[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    """A list of structures, which some versions keep as a structure of lists."""
    value = required_field(row, name, (list, dict), where)
    if isinstance(value, list):
        return value
    columns = [list(column) for column in value.values()]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"{where}: {name!r} has fields of different lengths")
    return [
        dict(zip(value, entry, strict=True)) for entry in zip(*columns, strict=True)
    ]


def _parsed(row: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    """A structure, or one that is kept as JSON text."""
    value = required_field(row, name, (dict, str), where)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{where}: {name!r} is no JSON: {str(error)[:100]}"
            ) from None
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {name!r} is {value!r:.80}; expected a dictionary")
    return value


def _image(image: dict[str, Any], where: str) -> dict[str, Any]:
    height, width = required_size(image, where)
    return {
        "image_id": required_field(image, "id", int, where),
        "file_name": required_field(image, "file_name", str, where),
        "height": height,
        "width": width,
        "references": [],
    }


def _reference(
    reference: dict[str, Any],
    annotation: dict[str, Any],
    text_field: TextField,
    where: str,
) -> dict[str, Any]:
    numbers = {
        name: required_field(reference, name, int, where)
        for name in ("ref_id", "ann_id", "image_id", "category_id")
    }
    for name, own in (("id", "ann_id"), ("image_id", "image_id")):
        if required_field(annotation, name, int, where) != numbers[own]:
            raise ValueError(
                f"{where}: {own!r} is {numbers[own]}, but that of its annotation is "
                f"{annotation[name]}"
            )
    segmentation = required_field(annotation, "segmentation", (list, dict), where)
    parts = segmentation if isinstance(segmentation, list) else [segmentation]
    if not parts or not all(isinstance(part, (list, dict)) for part in parts):
        raise ValueError(
            f"{where}: 'segmentation' is {segmentation!r:.80}; expected polygons"
        )
    return {
        "ref_id": numbers["ref_id"],
        "image_id": numbers["image_id"],
        "ann_ids": [numbers["ann_id"]],
        "category_id": numbers["category_id"],
        "segmentations": [segmentation],
        "sentences": [
            {
                "sent_id": required_field(sentence, "sent_id", int, where),
                "text": required_field(sentence, text_field, str, where),
                "kind": "",
            }
            for sentence in _entries(reference, "sentences", where)
        ],
    }


def _add(
    records: dict[int, dict[str, Any]],
    image: dict[str, Any],
    reference: dict[str, Any],
) -> None:
    number = image["image_id"]
    if reference.pop("image_id") != number:
        raise ValueError(
            f"{image['file_name']}: reference {reference['ref_id']} is of another "
            "picture than its row"
        )
    records.setdefault(number, image)["references"].append(reference)


def _size(mask: dict[str, Any], where: str) -> tuple[int, int]:
    size = required_field(mask, "size", list, where)
    if len(size) != 2:
        raise ValueError(f"{where}: 'size' is {size!r:.80}; expected [height, width]")
    return required_size(dict(zip(("height", "width"), size, strict=True)), where)
