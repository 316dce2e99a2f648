"""Reads a list of entries, a JSON file or one with an entry a line (JSONL)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What an entry is, for messages.
ANNOTATION = "for each object, with 'image', 'mask' and 'sentences'"


def read_json_entries(
    path: Path, *, entry: str = ANNOTATION, cut_off: bool = False
) -> Iterator[tuple[str, Any]]:
    """Read the entries of a file one after the other.

    A ``.jsonl`` file is read line by line and never held in memory as a whole; empty
    lines count as lines and are passed over.

    Args:
        path: A file ending in ``.json``, a list, or in ``.jsonl``, an entry a line.
        entry: What an entry is, for messages.
        cut_off: Read lines whatever the ending is, and pass over a last one that lacks
            its end: the file is of a program that was stopped.

    Yields:
        The place of an entry, for messages (file and line, or file and number of the
        entry, from 0 on), and the entry.

    Raises:
        ValueError: The file has another ending, is no valid JSON or holds no entry.
    """
    if path.suffix == ".jsonl" or cut_off:
        entries = _lines(path, cut_off=cut_off)
    elif path.suffix == ".json":
        entries = _list(path, entry)
    else:
        raise ValueError(
            f"{path} ends in {path.suffix!r}; expected a list in a .json file, or a "
            ".jsonl file with one entry a line. Rename it"
        )
    count = 0
    for count, found in enumerate(entries, start=1):  # noqa: B007  read after the loop
        yield found
    if not count:
        raise ValueError(
            f"{path} holds no entry ({path.stat().st_size} bytes). Write one entry "
            f"{entry}"
        )


def _lines(path: Path, *, cut_off: bool) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, start=1):
                if cut_off and not line.endswith("\n"):
                    return
                if line.strip():
                    yield f"{path}, line {number}", _parse(line, path, number)
        except UnicodeDecodeError as error:
            raise _not_utf8(path, error) from None


def _parse(line: str, path: Path, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        remedy = "Write one entry a line, each complete in itself"
        if number == 1 and line.lstrip().startswith("["):
            remedy = "It looks like one list over many lines: rename it to .json"
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        column = f", column {error.colno}" if hasattr(error, "colno") else ""
        raise ValueError(
            f"{path}, line {number}{column} is no valid JSON: {reason}. {remedy}"
        ) from None


def _list(path: Path, entry: str) -> Iterator[tuple[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error) from None
    try:
        # An empty file is a list without entries; the message for that says more.
        content = json.loads(text) if text.strip() else []
    except (ValueError, RecursionError) as error:
        remedy = "Correct it there, or copy the file again if it was cut off"
        if str(error).startswith("Extra data"):
            remedy = "If the file has one entry a line, rename it to .jsonl"
        raise ValueError(
            f"{path} is no valid JSON: {str(error)[:100]}. {remedy}"
        ) from None
    if not isinstance(content, list):
        remedy = f"Write a list with one entry {entry}"
        if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
            remedy = (
                "It looks like COCO's annotations, which have no sentences. " + remedy
            )
        raise ValueError(
            f"{path} holds a {type(content).__name__}; expected a list. {remedy}"
        )
    for number, found in enumerate(content):
        yield f"{path}, entry {number} (the first is 0)", found


def _not_utf8(path: Path, error: UnicodeDecodeError) -> ValueError:
    return ValueError(f"{path} is not in UTF-8: {error.reason}. Save it as UTF-8")
