"""One entry of a user's annotation file, checked field by field."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from .short_repr import short_repr

# Types of each field, and what it is in the words of a message.
_FIELDS: dict[str, tuple[tuple[type, ...], str]] = {
    "image": ((str,), "the path of the picture below 'image_dir'"),
    "mask": (
        (list, dict, str),
        "polygons [[x0, y0, x1, y1, ...], ...], a run-length encoding "
        '{"size": [height, width], "counts": ...} or the path of a PNG file',
    ),
    "sentences": ((str, list), "a sentence or a list of sentences"),
    "mask_value": (
        (int,),
        "the value of the object's pixels in the PNG file, 0 or more",
    ),
    "no_target": (
        (bool,),
        "true if the sentences are about nothing in the picture, without a 'mask'",
    ),
    "split": ((str,), 'the name of a split, such as "train" or "val"'),
    "kind": ((str,), "the name of a group that scores are broken down by"),
    "category": ((str,), "the name of a category"),
    "image_id": ((int,), "a whole number, another one for each picture"),
    "ref_id": ((int,), "a whole number, another one for each entry"),
    "sent_ids": ((list,), "a list of whole numbers, one for each sentence"),
}
_REQUIRED = ("image", "mask", "sentences")
# Names that other formats have for these fields.
_OTHER_NAMES = {
    "file_name": "image",
    "img": "image",
    "img_path": "image",
    "path": "image",
    "segmentation": "mask",
    "polygon": "mask",
    "polygons": "mask",
    "rle": "mask",
    "expression": "sentences",
    "expressions": "sentences",
    "sent": "sentences",
    "raw": "sentences",
    "text": "sentences",
    "caption": "sentences",
    "phrase": "sentences",
    "label": "category",
    "category_id": "category",
    "sent_id": "sent_ids",
    "id": "ref_id",
}


@dataclass(frozen=True)
class RefEntry:
    """An object of a picture and what it is called.

    Args:
        where: File and place in it, for messages.
        image: Path of the picture.
        mask: Polygons, a run-length encoding or the path of a PNG file; None if the
            sentences are about nothing in the picture.
        sentences: One sentence or several, none of them blank.
        mask_value: Value of the object's pixels in the PNG file; None takes all that
            are not 0.
        split: Name of the split, None for none.
        kind: Group of the sentences, ``""`` for none.
        category: Name of the category, ``""`` for none.
        image_id: Number of the picture, None for none.
        ref_id: Number of the entry, None for none.
        sent_ids: Numbers of the sentences, None for none.
    """

    where: str
    image: str
    mask: list[Any] | dict[str, Any] | str | None
    sentences: tuple[str, ...]
    mask_value: int | None
    split: str | None
    kind: str
    category: str
    image_id: int | None
    ref_id: int | None
    sent_ids: tuple[int, ...] | None


def parse_ref_entry(value: Any, where: str) -> RefEntry:
    """Check an entry of an annotation file.

    A field that is ``null`` counts as one that is not there.

    Args:
        value: The entry as it was read.
        where: File and place in it, for messages.

    Raises:
        ValueError: The entry is no dictionary, a field is missing, unknown, or of
            another type; the message names place, field, value and remedy.
    """
    if not isinstance(value, dict):
        raise ValueError(
            f"{where} is {short_repr(value)}; expected a dictionary with the keys "
            f"{', '.join(_REQUIRED)}"
        )
    fields = {name: entry for name, entry in value.items() if entry is not None}
    for name in fields:
        if name not in _FIELDS:
            raise _unknown(name, where)
    for name, entry in fields.items():
        kinds, meaning = _FIELDS[name]
        if not isinstance(entry, kinds) or isinstance(entry, bool) != (
            kinds == (bool,)
        ):
            raise ValueError(
                f"{where}: {name!r} is {short_repr(entry)}; expected {meaning}"
            )
    no_target = fields.get("no_target", False)
    for name in _REQUIRED:
        if name not in fields and not (name == "mask" and no_target):
            raise ValueError(f"{where} has no {name!r}; write {_FIELDS[name][1]}")
    if no_target and "mask" in fields:
        raise ValueError(
            f"{where} has 'no_target' and a 'mask'. Remove the one that is wrong"
        )
    _check_mask_value(fields, where)
    sentences = _sentences(fields["sentences"], where)
    return RefEntry(
        where=where,
        image=_path(fields["image"], where),
        mask=fields.get("mask"),
        sentences=sentences,
        mask_value=fields.get("mask_value"),
        split=fields.get("split"),
        kind=fields.get("kind", ""),
        category=fields.get("category", ""),
        image_id=fields.get("image_id"),
        ref_id=fields.get("ref_id"),
        sent_ids=_sentence_ids(fields.get("sent_ids"), len(sentences), where),
    )


def _unknown(name: str, where: str) -> ValueError:
    known = _OTHER_NAMES.get(name.lower())
    if known is None:
        close = difflib.get_close_matches(name.lower(), _FIELDS, n=1)
        known = close[0] if close else None
    hint = f"; did you mean {known!r}?" if known else "."
    return ValueError(
        f"{where} has the unknown key {name!r}{hint} The keys are {', '.join(_FIELDS)}"
    )


def _path(value: str, where: str) -> str:
    if not value.strip():
        raise ValueError(f"{where}: 'image' is empty; write {_FIELDS['image'][1]}")
    return value


def _check_mask_value(fields: dict[str, Any], where: str) -> None:
    value = fields.get("mask_value")
    if value is None:
        return
    if value < 0:
        raise ValueError(
            f"{where}: 'mask_value' is {value}; expected {_FIELDS['mask_value'][1]}"
        )
    if not isinstance(fields.get("mask"), str):
        raise ValueError(
            f"{where} has 'mask_value', but its 'mask' is no path of a PNG file. "
            "Remove 'mask_value'"
        )


def _sentences(value: str | list[Any], where: str) -> tuple[str, ...]:
    sentences = [value] if isinstance(value, str) else value
    if not sentences:
        raise ValueError(
            f"{where}: 'sentences' is empty. Write at least one sentence, or remove "
            "the entry"
        )
    for number, sentence in enumerate(sentences):
        if not isinstance(sentence, str):
            raise ValueError(
                f"{where}: sentence {number} (the first is 0) is "
                f"{short_repr(sentence)}; "
                "expected text"
            )
        if not sentence.strip():
            raise ValueError(
                f"{where}: sentence {number} (the first is 0) is "
                f"{short_repr(sentence)}, "
                "which names nothing. Write a sentence or remove it"
            )
    return tuple(sentences)


def _sentence_ids(
    value: list[Any] | None, count: int, where: str
) -> tuple[int, ...] | None:
    if value is None:
        return None
    if len(value) != count or any(type(number) is not int for number in value):
        raise ValueError(
            f"{where}: 'sent_ids' is {short_repr(value)}; expected a list of {count} "
            "whole "
            "numbers, one for each sentence"
        )
    return tuple(value)
