"""Ids of pictures, references, sentences and categories for entries without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .ref_entry import RefEntry


@dataclass(frozen=True)
class EntryNumbers:
    """The ids of one entry.

    Args:
        image_id: Number of the picture.
        ref_id: Number of the entry.
        sent_ids: Numbers of its sentences.
        category_id: Number of its category, -1 for none.
    """

    image_id: int
    ref_id: int
    sent_ids: tuple[int, ...]
    category_id: int


class EntryNumbering:
    """Gives each entry of a file its ids: those it has, or running numbers from 0.

    Running numbers count over the whole file, so that an id means the same whichever
    split is read. Categories get the numbers from 1 in the order in which they appear.

    Args:
        path: The file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.categories: dict[str, int] = {}
        self._num_entries = 0
        self._num_sentences = 0
        self._images: dict[str, int] = {}
        self._owners: dict[int, str] = {}
        self._ref_ids: set[int] = set()
        self._sent_ids: set[int] = set()
        # Whether the first entry has the id; all others must be alike.
        self._given: dict[str, bool] = {}

    def number(self, entry: RefEntry, image: str) -> EntryNumbers:
        """Give the next entry of the file its ids.

        Args:
            entry: The entry.
            image: Path of its picture, the same for the same picture.

        Raises:
            ValueError: An id stands twice, or only some entries have it.
        """
        for name in ("image_id", "ref_id", "sent_ids"):
            self._check_given(entry, name)
        ref_id = self._num_entries if entry.ref_id is None else entry.ref_id
        sent_ids = entry.sent_ids
        if sent_ids is None:
            start = self._num_sentences
            sent_ids = tuple(range(start, start + len(entry.sentences)))
        self._num_entries += 1
        self._num_sentences += len(entry.sentences)
        self._take([ref_id], self._ref_ids, "ref_id", entry)
        self._take(sent_ids, self._sent_ids, "sent_id", entry)
        return EntryNumbers(
            image_id=self._image_id(entry, image),
            ref_id=ref_id,
            sent_ids=sent_ids,
            category_id=self._category_id(entry),
        )

    def _check_given(self, entry: RefEntry, name: str) -> None:
        given = getattr(entry, name) is not None
        if self._given.setdefault(name, given) != given:
            has, other = ("has", "have none") if given else ("has no", "have one")
            raise ValueError(
                f"{entry.where} {has} {name!r}, but the entries before {other}. Give "
                "it in every entry or in none"
            )

    def _take(
        self, numbers: Sequence[int], taken: set[int], name: str, entry: RefEntry
    ) -> None:
        for number in numbers:
            if number in taken:
                raise ValueError(
                    f"{entry.where}: {name} {number} stands twice in the file. Number "
                    "them differently, or leave the ids out to have them counted"
                )
            taken.add(number)

    def _image_id(self, entry: RefEntry, image: str) -> int:
        if entry.image_id is None:
            return self._images.setdefault(image, len(self._images))
        number = self._images.setdefault(image, entry.image_id)
        if number != entry.image_id:
            raise ValueError(
                f"{entry.where}: 'image_id' is {entry.image_id}, but an entry before "
                f"gave {number} to the same picture {entry.image!r}. Give a picture "
                "one number"
            )
        owner = self._owners.setdefault(number, image)
        if owner != image:
            raise ValueError(
                f"{entry.where}: 'image_id' {number} is that of {owner!r}, and here of "
                f"{image!r}. Give each picture a number of its own"
            )
        return number

    def _category_id(self, entry: RefEntry) -> int:
        if not entry.category:
            return -1
        return self.categories.setdefault(entry.category, len(self.categories) + 1)
