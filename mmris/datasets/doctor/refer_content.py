"""Reads a folder in the layout of REFER entry by entry, past whatever is wrong.

:func:`mmris.datasets.read_refer_records` stops at the first mistake. Here each one is
noted, and the checks that follow see all that could be read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mmris.datasets.annotation_checks import read_annotation_file, required_field
from mmris.datasets.refer_files import NO_ANNOTATION
from mmris.datasets.short_repr import short_repr

from .content import Content, Mask, Picture, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .findings import Findings

INSTANCES = "instances.json"
# refs(unc).p of REFER, grefs(unc).json of gRefCOCO.
PARTITION_FILE = re.compile(r"g?refs\((?P<partition>[^()]+)\)\.(?:p|json)")
TEXT_FIELDS = ("sent", "raw")
# What stands for a file that could not be read; null is the content of some.
_UNREAD = object()
# Pillow takes more pixels than this for an attack, and no mask needs them.
MAX_PIXELS = 178_956_970


def partition_files(folder: Path) -> dict[str, Path]:
    """Files with sentences of a folder, by partition.

    Of a ``.json`` and a ``.p`` file of one partition the first is taken, as by
    :class:`mmris.datasets.ReferDataset`.

    Args:
        folder: The folder.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        match = PARTITION_FILE.fullmatch(path.name)
        if match and path.is_file():
            found.setdefault(match["partition"], path)
    return found


def read_refer_folder(folder: Path, findings: Findings) -> list[Content]:
    """Read all partitions of a folder.

    Args:
        folder: Folder with ``instances.json`` and ``refs(...)`` files.
        findings: Takes what is wrong.

    Returns:
        What could be read of each partition.
    """
    reader = _FolderReader(folder / INSTANCES, findings)
    return [
        reader.read(folder.name, partition, path)
        for partition, path in partition_files(folder).items()
    ]


class _FolderReader:
    """Joins the partitions of a folder to its pictures and annotations.

    Args:
        path: ``instances.json``.
        findings: Takes what is wrong.
    """

    def __init__(self, path: Path, findings: Findings) -> None:
        self.path = path
        self.findings = findings
        content = self._read(path)
        # Without it there is nothing to join to, which is one finding and not many.
        self.is_there = isinstance(content, dict)
        if content is not _UNREAD and not self.is_there:
            self._unexpected(path, content, "a dictionary")
        self.images = self._table(content, "images")
        self.annotations = self._table(content, "annotations")
        self.pictures: dict[int, Picture] = {}
        self.masks: dict[int, Mask] = {}

    def read(self, dataset: str, partition: str, path: Path) -> Content:
        """Read a partition.

        Args:
            dataset: Name of the folder.
            partition: Who split the data.
            path: The file with the sentences.
        """
        content = Content(dataset, partition, str(path))
        entries = self._read(path)
        if entries is not _UNREAD and not isinstance(entries, list):
            self._unexpected(path, entries, "a list of references")
        seen: dict[str, set[int]] = {"ref_id": set(), "sent_id": set()}
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            where = f"{path}, entry {number}"
            try:
                reference = self._reference(entry, where, seen)
            except ValueError as error:
                self.findings.add("malformed_entry", str(error))
                continue
            content.references.append(reference)
        images = {reference.image_id for reference in content.references}
        used = {key for entry in content.references for key in entry.mask_ids}
        content.pictures = {k: v for k, v in self.pictures.items() if k in images}
        content.masks = {k: v for k, v in self.masks.items() if k in used}
        return content

    def _reference(
        self, entry: Any, where: str, seen: dict[str, set[int]]
    ) -> Reference:
        ref_id = required_field(entry, "ref_id", int, where)
        where = f"{where} (ref_id {ref_id})"
        split = required_field(entry, "split", str, where)
        image_id = required_field(entry, "image_id", int, where)
        annotations = _identifiers(entry, where)
        sentences = required_field(entry, "sentences", list, where)
        self._check_new([ref_id], "ref_id", where, seen)
        num_sentences = self._count_sentences(sentences, where, seen)
        self._join_image(image_id, where)
        masks = [key for key in annotations if self._join_mask(key, image_id, where)]
        return Reference(ref_id, image_id, split, tuple(masks), num_sentences)

    def _count_sentences(
        self, sentences: list[Any], where: str, seen: dict[str, set[int]]
    ) -> int:
        """Check the sentences of a reference; how many could be read."""
        count = 0
        for number, sentence in enumerate(sentences):
            place = f"{where}, sentence {number}"
            try:
                sent_id = required_field(sentence, "sent_id", int, place)
                texts = {
                    name: required_field(sentence, name, str, place)
                    for name in TEXT_FIELDS
                }
            except ValueError as error:
                self.findings.add("malformed_entry", str(error))
                continue
            count += 1
            self._check_new([sent_id], "sent_id", where, seen)
            silent = {n: t for n, t in texts.items() if not re.search(r"\w", t)}
            if silent:
                self.findings.add("no_words", f"{where}, sent_id {sent_id}: {silent}")
        if not sentences:
            self.findings.add("no_sentences", where)
        return count

    def _check_new(
        self, numbers: Iterable[int], name: str, where: str, seen: dict[str, set[int]]
    ) -> None:
        for number in numbers:
            if number in seen[name]:
                self.findings.add("duplicate_id", f"{where}: {name} {number}")
            seen[name].add(number)

    def _join_image(self, image_id: int, where: str) -> None:
        if image_id in self.pictures or not self.is_there:
            return
        if image_id not in self.images:
            self.findings.add("no_such_image", f"{where}: image_id {image_id}")
            return
        place = f"{self.path}, image {image_id}"
        try:
            self.pictures[image_id] = _picture(self.images[image_id], place)
        except ValueError as error:
            self.findings.add("malformed_entry", str(error))

    def _join_mask(self, ann_id: int, image_id: int, where: str) -> bool:
        if not self.is_there:
            return False
        if ann_id not in self.annotations:
            self.findings.add("no_such_annotation", f"{where}: ann_id {ann_id}")
            return False
        place = f"{self.path}, annotation {ann_id}"
        try:
            own = required_field(self.annotations[ann_id], "image_id", int, place)
            shape = required_field(
                self.annotations[ann_id], "segmentation", (list, dict), place
            )
        except ValueError as error:
            if ann_id not in self.masks:
                self.findings.add("malformed_entry", str(error))
            return False
        if own != image_id:
            self.findings.add(
                "other_image",
                f"{where} is of image {image_id}, its annotation {ann_id} of {own}",
            )
            return False
        self.masks.setdefault(ann_id, Mask(image_id, shape, place))
        return True

    def _read(self, path: Path) -> Any:
        try:
            return read_annotation_file(path)
        except FileNotFoundError:
            self.findings.add("unreadable_file", f"{path} is not there")
        except (OSError, ValueError) as error:
            self.findings.add("unreadable_file", str(error))
        return _UNREAD

    def _unexpected(self, path: Path, content: Any, wanted: str) -> None:
        self.findings.add(
            "unreadable_file",
            f"{path} holds a {type(content).__name__}; expected {wanted}",
        )

    def _table(self, content: Any, name: str) -> dict[int, dict[str, Any]]:
        """Entries by their id."""
        table: dict[int, dict[str, Any]] = {}
        if not self.is_there:
            return table
        try:
            entries = required_field(content, name, list, str(self.path))
        except ValueError as error:
            self.findings.add("unreadable_file", str(error))
            return table
        for number, entry in enumerate(entries):
            place = f"{self.path}, {name}[{number}]"
            try:
                identifier = required_field(entry, "id", int, place)
            except ValueError as error:
                self.findings.add("malformed_entry", str(error))
                continue
            if identifier in table:
                self.findings.add("duplicate_id", f"{place}: id {identifier}")
            else:
                table[identifier] = entry
        return table


def _identifiers(entry: dict[str, Any], where: str) -> list[int]:
    value = required_field(entry, "ann_id", (int, list), where)
    values = value if isinstance(value, list) else [value]
    if not values or any(type(number) is not int for number in values):
        raise ValueError(
            f"{where}: 'ann_id' is {short_repr(value)}; expected ids, all int"
        )
    return [number for number in values if number != NO_ANNOTATION]


def _picture(image: dict[str, Any], place: str) -> Picture:
    name = required_field(image, "file_name", str, place)
    height = required_field(image, "height", int, place)
    width = required_field(image, "width", int, place)
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ValueError(
            f"{place}: height {short_repr(height)} and width {short_repr(width)} are "
            "no size of a "
            "picture"
        )
    return Picture(image["id"], name, height, width)
