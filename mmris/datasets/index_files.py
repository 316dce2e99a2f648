"""Keeps the index of large annotation files, so that they are read once and not anew.

An index is known by what is in the annotation files, not by their dates: a file that
changed in any byte, also one that kept its size and time, makes it stale. What cannot
be trusted (damaged, of another user, of other files) is made anew and never used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log

from mmris.utils.atomic_files import write_atomically
from mmris.version import __version__

from .record_index import MAGIC, DamagedIndexError, RecordIndex, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

# Files that are smaller together, in bytes, are read in a moment.
SMALL = 8_000_000
# A folder for all indices; if it is empty, none are kept.
FOLDER_VARIABLE = "MMRIS_INDEX_DIR"
_BESIDE = ".mmris_index"


@dataclass(frozen=True)
class IndexSource:
    """What the records of a dataset are made of.

    Attributes:
        files: The annotation files, one or more.
        options: Everything else that the records depend on, such as the split.
        generated: Whether the files are programs that make the records, which takes
            long though they are small. Nothing is kept beside them.
    """

    files: tuple[Path, ...]
    options: dict[str, str]
    generated: bool = False

    @property
    def name(self) -> str:
        """Name of the index file."""
        parts = [self.files[0].stem, *self.options.values()]
        return re.sub(r"[^\w()+-]", "_", "-".join(parts))[:100] + ".index"

    def size(self) -> int:
        """Bytes of the files together."""
        return sum(path.stat().st_size for path in self.files)

    def key(self) -> bytes:
        """32 bytes that change with the files, the options and the version of mmris."""
        contents = []
        for path in self.files:
            with path.open("rb") as file:
                contents.append([path.name, digest_of(file).hex()])
        made_of = [MAGIC.decode(), __version__, contents, sorted(self.options.items())]
        return hashlib.sha256(json.dumps(made_of).encode()).digest()


def open_index(
    source: IndexSource, make_records: Callable[[], list[dict[str, Any]]]
) -> RecordIndex:
    """Open the index of some annotation files, or make and keep it.

    It is kept beside the files, in a folder ``.mmris_index``; where that cannot be
    written, and for what is generated, in the user's cache. The environment variable
    ``MMRIS_INDEX_DIR`` names another folder for all of them; if it is empty, none are
    kept. Processes that make the same index at once do not disturb each other.

    Args:
        source: What the records are made of.
        make_records: Reads the files and gives the records, without any on an error.

    Returns:
        The index: mapped from its file, or in memory if the files are small or it can
        be kept nowhere.
    """
    if not source.generated and source.size() < SMALL:
        return RecordIndex.from_records(make_records())
    paths = _places(source)
    key = source.key()
    for path in paths:
        index = _open(path, key, source)
        if index is not None:
            return index
    start = time.perf_counter()
    index = RecordIndex.from_records(make_records(), key)
    # A file that was changed while it was read may have given anything.
    if paths and source.key() == key:
        seconds = time.perf_counter() - start
        done = f"{source.files[0]} was read in {seconds:.0f} s"
        if source.generated:
            done = f"{len(index)} images were generated in {seconds:.0f} s"
        return _keep(index, paths, done)
    return index


def _places(source: IndexSource) -> list[Path]:
    """Where the index may be, the best place first."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    folder = source.files[0].parent
    beside = folder / _BESIDE / source.name
    # Indices of several data sets share a folder and may have the same name.
    own = f"{folder.name}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()}"
    if chosen is not None:
        return [Path(chosen) / own[:-48] / source.name] if chosen else []
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    cached = Path(cache) / "mmris" / own[:-48] / source.name
    return [cached] if source.generated else [beside, cached]


def _open(path: Path, key: bytes, source: IndexSource) -> RecordIndex | None:
    """The index in a file, None if there is none or it cannot be trusted."""
    reason = None
    try:
        owner = path.stat().st_uid
        if not _is_trusted(owner, source):
            reason = f"it belongs to another user, of number {owner}"
        else:
            index = RecordIndex.open(path)
            if index.key == key:
                return index
            reason = "what it was made of, or mmris, has changed since"
    except DamagedIndexError as error:
        reason = str(error)
    except OSError:
        return None
    print_log(f"the index {path} is not used: {reason}", logger="current")
    return None


def _is_trusted(owner: int, source: IndexSource) -> bool:
    """Whether the owner of an index could change the annotations or this program."""
    if not hasattr(os, "getuid"):
        return True
    return owner in {0, os.getuid(), *(path.stat().st_uid for path in source.files)}


def _keep(index: RecordIndex, paths: list[Path], done: str) -> RecordIndex:
    """Write an index to the first place that takes it, and map it from there."""
    failures = []
    for path in paths:
        try:
            write_atomically(path, index.block.data)
            kept = RecordIndex.open(path)
        except (OSError, DamagedIndexError) as error:
            failures.append(f"not in {path.parent} ({_reason(error)})")
            continue
        print_log(
            f"{done}. Its index is kept in {', '.join([str(path), *failures])}; later "
            "starts read that",
            logger="current",
        )
        return kept
    print_log(
        f"{done}, and its index cannot be kept: {', '.join(failures)}. Every start "
        f"takes as long, and every worker more memory; set {FOLDER_VARIABLE} to a "
        "folder that can be written",
        logger="current",
        level=logging.WARNING,
    )
    return index


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
