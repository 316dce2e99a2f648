"""The records of a dataset in one block of bytes, which a file can hold and share.

The block, all numbers int64, little-endian::

    16 bytes     name and version of the format
    32           SHA-256 of everything that follows
    32           key: what the records were made of
    24           I images, R references, D bytes of documents
    I            image_id of each record
    I + 1        where each record begins and ends among the documents
    I            number of references of each record
    R            number of sentences of each reference
    D bytes      the records, each a JSON document

Mapped into memory, the file is shared by all processes that read it, and a record is
decoded when it is asked for. Its ``segmentations``, most of it and needed of few
references at a time, are strings that hold JSON. Nothing in the file can run: it holds
numbers and JSON.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

MAGIC = b"mmris index 2\n\0\0"
KEY_LENGTH = 32
_DIGEST = slice(len(MAGIC), len(MAGIC) + 32)
_KEY = slice(_DIGEST.stop, _DIGEST.stop + KEY_LENGTH)
_COUNTS = slice(_KEY.stop, _KEY.stop + 24)
_CHUNK = 1 << 20
_INTEGER = np.dtype("<i8")


class DamagedIndexError(ValueError):
    """An index file that is incomplete, changed or of another kind."""


class RecordIndex:
    """Records by their position, read from a block of bytes.

    Attributes:
        path: The file that is mapped, None if the block is in memory.
        key: What the records were made of, 32 bytes.
        image_ids: ``(I,)`` int64.
        num_references: ``(I,)`` int64, references of each record.
        num_sentences: ``(R,)`` int64, sentences of each reference, record by record.

    Args:
        block: ``(bytes,)`` uint8 in the form above.
        path: The file that it is mapped from, for messages and other processes.

    Raises:
        DamagedIndexError: The numbers in the block contradict each other.
    """

    def __init__(self, block: np.ndarray, path: Path | None = None) -> None:
        self.path = path
        self.key = block[_KEY].tobytes()
        self._block = block
        counts = [int(number) for number in block[_COUNTS].view(_INTEGER)]
        images, references, size = counts
        lengths = [images, images + 1, images, references]
        expected = _COUNTS.stop + sum(lengths) * _INTEGER.itemsize + size
        if min(counts) < 0 or len(block) != expected:
            raise DamagedIndexError(f"it has {len(block)} bytes and not {expected}")
        start = _COUNTS.stop
        tables = []
        for length in lengths:
            stop = start + length * _INTEGER.itemsize
            tables.append(block[start:stop].view(_INTEGER))
            start = stop
        self.image_ids, self._bounds, self.num_references, self.num_sentences = tables
        self._documents = block[start:]
        bounds = self._bounds
        if (
            bounds[0] != 0
            or bounds[-1] != size
            or (np.diff(bounds) <= 0).any()
            or self.num_references.sum() != references
            or (images and self.num_references.min() < 1)
            or (references and self.num_sentences.min() < 1)
        ):
            raise DamagedIndexError("its tables contradict each other")

    @classmethod
    def from_records(
        cls, records: Sequence[dict[str, Any]], key: bytes = bytes(KEY_LENGTH)
    ) -> RecordIndex:
        """Lay records out in a block in memory.

        Args:
            records: Records of :class:`BaseRefDataset` made of what JSON knows.
            key: What they were made of, 32 bytes.
        """
        documents = [_to_json(_folded(record)) for record in records]
        bounds = np.cumsum([0, *map(len, documents)])
        references = [record["references"] for record in records]
        sentences = [len(entry["sentences"]) for group in references for entry in group]
        text = "".join(documents).encode("ascii")
        tables = [
            [len(records), len(sentences), len(text)],
            [record["image_id"] for record in records],
            bounds,
            [len(group) for group in references],
            sentences,
        ]
        content = b"".join(
            [key, *(np.asarray(table, dtype=_INTEGER).tobytes() for table in tables)]
        )
        digest = hashlib.sha256(content)
        digest.update(text)
        block = b"".join([MAGIC, digest.digest(), content, text])
        return cls(np.frombuffer(block, dtype=np.uint8))

    @classmethod
    def open(cls, path: Path) -> RecordIndex:
        """Check an index file and map it into memory.

        Args:
            path: The file.

        Raises:
            OSError: It cannot be read.
            DamagedIndexError: It is incomplete, changed or of another kind.
        """
        with path.open("rb") as file:
            head = file.read(_COUNTS.stop)
            if len(head) < _COUNTS.stop or not head.startswith(MAGIC):
                raise DamagedIndexError(f"it begins with {head[: len(MAGIC)]!r}")
            # By reading: pages that are mapped and touched would count as memory used.
            file.seek(_DIGEST.stop)
            if digest_of(file) != head[_DIGEST]:
                raise DamagedIndexError("its checksum is wrong")
            return cls(np.memmap(file, dtype=np.uint8, mode="r"), path)

    @property
    def block(self) -> np.ndarray:
        """``(bytes,)`` uint8, what an index file holds."""
        return self._block

    def __len__(self) -> int:
        """Number of records."""
        return len(self.image_ids)

    def record(self, position: int) -> dict[str, Any]:
        """Decode a record.

        Args:
            position: From 0 on.

        Raises:
            ValueError: The document is no record of that image.
        """
        record = self.folded_record(position)
        for entry in record["references"]:
            entry["segmentations"] = self.unfolded(entry["segmentations"])
        return record

    def folded_record(self, position: int) -> dict[str, Any]:
        """Decode a record but for its ``segmentations``.

        Args:
            position: From 0 on.

        Returns:
            The record, with strings for :meth:`unfolded` as ``segmentations``.

        Raises:
            ValueError: The document is no record of that image.
        """
        start, stop = self._bounds[position], self._bounds[position + 1]
        record = self._from_json(self._documents[start:stop].tobytes())
        if (
            not isinstance(record, dict)
            or record.get("image_id") != self.image_ids[position]
        ):
            raise self._damaged()
        return record

    def unfolded(self, segmentations: str) -> list[Any]:
        """Decode what a folded record has as the ``segmentations`` of a reference.

        Args:
            segmentations: The string.

        Raises:
            ValueError: It is none that holds a list.
        """
        decoded = self._from_json(segmentations)
        if not isinstance(decoded, list):
            raise self._damaged()
        return decoded

    def _from_json(self, document: str | bytes) -> Any:
        try:
            return json.loads(document)
        except (ValueError, TypeError, RecursionError):
            raise self._damaged() from None

    def _damaged(self) -> ValueError:
        return ValueError(f"{self.path} is damaged. Delete it; it is made anew then")

    def counts(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of references and sentences of some records.

        Args:
            positions: ``(P,)`` int64, the records.

        Returns:
            References of each record ``(P,)``, and sentences of each of their
            references, record by record.
        """
        references = self.num_references[positions]
        starts = (np.cumsum(self.num_references) - self.num_references)[positions]
        firsts = np.cumsum(references) - references
        rows = np.repeat(starts - firsts, references) + np.arange(references.sum())
        return np.array(references), np.array(self.num_sentences[rows])

    def __deepcopy__(self, memo: dict[int, Any]) -> RecordIndex:
        """Nothing in it changes: a copy is the index itself."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process maps the file by itself, if there is one."""
        if self.path is None:
            return RecordIndex, (np.asarray(self._block),)
        return reopen, (self.path, self._block[_DIGEST].tobytes())


def reopen(path: Path, digest: bytes) -> RecordIndex:
    """Map an index file that another process of this program has mapped.

    Args:
        path: The file.
        digest: Its checksum there.

    Raises:
        ValueError: It has changed since.
    """
    try:
        index = RecordIndex.open(path)
    except (OSError, DamagedIndexError) as error:
        raise ValueError(f"the index {path} is gone: {error}. Start again") from None
    if index.block[_DIGEST].tobytes() != digest:
        raise ValueError(
            f"the index {path} was made anew while a program used it: its annotation "
            "files were changed. Start again"
        )
    return index


def digest_of(file: BinaryIO) -> bytes:
    """SHA-256 of a file from its position to its end.

    Args:
        file: The file, open for reading.
    """
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.digest()


def _folded(record: dict[str, Any]) -> dict[str, Any]:
    references = [
        {**entry, "segmentations": _to_json(entry["segmentations"])}
        for entry in record["references"]
    ]
    return {**record, "references": references}


def _to_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
