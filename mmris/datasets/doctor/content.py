"""What the checks look at: one partition of a dataset, whatever format it was in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Picture:
    """A picture as the annotations describe it.

    Args:
        image_id: Its number.
        name: Path of the file below the folder of the pictures.
        height: Height in pixels.
        width: Width in pixels.
    """

    image_id: int
    name: str
    height: int
    width: int


@dataclass(frozen=True)
class Mask:
    """An annotation as it is in the file.

    Args:
        image_id: Number of its picture.
        segmentation: Polygons or run-length encoding, not checked.
        place: File and entry, for findings.
    """

    image_id: int
    segmentation: Any
    place: str


@dataclass(frozen=True)
class Reference:
    """An object, or several or none, and what it is called.

    Args:
        ref_id: Its number.
        image_id: Number of its picture.
        split: Name of its split.
        mask_ids: Numbers of its masks.
        num_sentences: How many sentences it has.
    """

    ref_id: int
    image_id: int
    split: str
    mask_ids: tuple[int, ...]
    num_sentences: int


@dataclass
class Content:
    """One partition of a dataset.

    Args:
        dataset: Name of its folder.
        partition: Who split it, ``""`` where there is one way only.
        source: The file with the sentences.
        pictures: By number, those that references are about.
        masks: By number, those that references name.
        references: All that could be read.
    """

    dataset: str
    partition: str
    source: str
    pictures: dict[int, Picture] = field(default_factory=dict)
    masks: dict[int, Mask] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Name for headings."""
        return f"{self.dataset} ({self.partition})" if self.partition else self.dataset
