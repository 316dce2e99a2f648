"""Turns ``refs(<partition>).p`` into JSON or Parquet, without running any of it."""

from __future__ import annotations

import importlib
import json
import re
from typing import TYPE_CHECKING, Any

from mmris.utils.atomic_files import write_atomically

from .annotation_checks import required_field
from .safe_pickle import load_plain_pickle

if TYPE_CHECKING:
    from pathlib import Path

PICKLE_NAME = re.compile(r"g?refs\([^()]+\)\.p")
FORMATS = ("json", "parquet")


def find_pickles(path: Path) -> list[Path]:
    """The pickles of references that a path means.

    Args:
        path: A file, or a folder: its own ``refs(*).p`` and those of its folders.

    Returns:
        Files, one or more.

    Raises:
        FileNotFoundError: No such path, or no such file in the folder.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"no file {path}. Give a refs(*).p, or its folder")
    found = [
        file
        for pattern in ("*.p", "*/*.p")
        for file in sorted(path.glob(pattern))
        if PICKLE_NAME.fullmatch(file.name)
    ]
    if not found:
        raise FileNotFoundError(f"{path} has no refs(*).p, nor have its folders")
    return found


def read_references(path: Path) -> list[dict[str, Any]]:
    """Read references from a pickle, as JSON would hold them.

    Args:
        path: The pickle.

    Returns:
        The references with all their fields; tuples have become lists.

    Raises:
        ValueError: It is no pickle of references, or has what JSON cannot hold.
    """
    content = load_plain_pickle(path)
    if not isinstance(content, list):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; expected a list of references"
        )
    for number, entry in enumerate(content):
        where = f"{path}, entry {number}"
        required_field(entry, "ref_id", int, where)
        required_field(entry, "split", str, where)
        required_field(entry, "ann_id", (int, list), where)
        for place, sentence in enumerate(
            required_field(entry, "sentences", list, where)
        ):
            required_field(sentence, "sent_id", int, f"{where}, sentence {place}")
    try:
        references: list[dict[str, Any]] = json.loads(
            json.dumps(content, allow_nan=False)
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} has something that JSON cannot hold: {str(error)[:100]}"
        ) from None
    return references


def write_references(references: list[dict[str, Any]], path: Path) -> None:
    """Write references as JSON, or as Parquet with one row a reference.

    Args:
        references: The references.
        path: The file, ending in ``.json`` or ``.parquet``.

    Raises:
        ImportError: Parquet is wanted and pyarrow is not installed.
        ValueError: Columns of a Parquet file have one type, and these have several.
    """
    if path.suffix == ".json":
        write_atomically(path, json.dumps(references).encode("ascii"))
        return
    try:
        pa = importlib.import_module("pyarrow")
        pq = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ImportError(
            "Parquet needs the package pyarrow, which is not installed. Run: pip "
            "install pyarrow, or install mmris with the extra 'parquet'"
        ) from None
    try:
        table = pa.Table.from_pylist(references)
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise ValueError(
            f"{path} cannot be written: {' '.join(str(error).split())[:200]}. Write "
            "JSON instead"
        ) from None
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write_atomically(path, sink.getvalue())
