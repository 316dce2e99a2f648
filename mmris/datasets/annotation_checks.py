"""Reads annotation files and checks their fields, with errors that name the place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .safe_pickle import load_plain_pickle
from .short_repr import short_repr

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Ids are kept in signed integers of 64 bits.
MAX_BITS = 63
# Longest side that a picture may claim, in pixels; masks of this size are made.
MAX_SIDE = 16_384


def read_annotation_file(path: Path) -> Any:
    """Read a JSON file, or a pickle of plain data if the name ends otherwise.

    Args:
        path: The file.

    Returns:
        Its content.

    Raises:
        ValueError: The file is incomplete or, a pickle, asks for more than plain data.
    """
    if path.suffix != ".json":
        return load_plain_pickle(path)
    try:
        with path.open(encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is no complete JSON file: {str(error)[:100]}. Copy or download it "
            "again"
        ) from None


def required_field(
    entry: Any, name: str, kinds: type | tuple[type, ...], where: str
) -> Any:
    """Take a field out of an entry of an annotation file.

    Args:
        entry: The entry, which should be a dictionary.
        name: Name of the field.
        kinds: Types that it may have; a bool is no int, nor is one beyond 64 bits.
        where: The file and the place in it, for the message.

    Returns:
        The value of the field.

    Raises:
        ValueError: The entry is no dictionary, or the field is missing or of another
            type.
    """
    if not isinstance(entry, dict):
        raise ValueError(
            f"{where} is a {type(entry).__name__}; expected a dictionary with {name!r}"
        )
    if name not in entry:
        raise ValueError(
            f"{where} has no field {name!r}; it has {sorted(map(str, entry))}"
        )
    value = entry[name]
    wrong = not isinstance(value, kinds) or isinstance(value, bool)
    if wrong or (isinstance(value, int) and value.bit_length() > MAX_BITS):
        expected = kinds if isinstance(kinds, tuple) else (kinds,)
        raise ValueError(
            f"{where}: {name!r} is {short_repr(value)}; expected "
            f"{' or '.join(kind.__name__ for kind in expected)}"
        )
    return value


def required_size(entry: Any, where: str) -> tuple[int, int]:
    """Take the size of a picture out of an entry of an annotation file.

    Args:
        entry: The entry, which should have ``height`` and ``width``.
        where: The file and the place in it, for the message.

    Returns:
        Height and width in pixels.

    Raises:
        ValueError: One of them is missing, or none that a picture has.
    """
    height = required_field(entry, "height", int, where)
    width = required_field(entry, "width", int, where)
    if min(height, width) < 1 or max(height, width) > MAX_SIDE:
        raise ValueError(
            f"{where}: 'height' is {height} and 'width' is {width}; expected 1 to "
            f"{MAX_SIDE} pixels each"
        )
    return height, width


def check_unique(identifiers: Iterable[int], name: str, path: Path) -> None:
    """Refuse an identifier that stands in a file twice.

    Args:
        identifiers: All of them.
        name: What they are called in the file.
        path: The file.

    Raises:
        ValueError: One of them comes a second time.
    """
    seen: set[int] = set()
    for identifier in identifiers:
        if identifier in seen:
            raise ValueError(f"{path}: {name} {identifier} stands twice")
        seen.add(identifier)
