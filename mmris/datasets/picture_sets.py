"""The pictures of datasets, and which of them two have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .json_ref_dataset import JsonRefDataset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .base_ref_dataset import BaseRefDataset
    from .image_keys import ImageKey

Keys = tuple["ImageKey", ...]


@dataclass(frozen=True)
class PictureSet:
    """Pictures of a dataset.

    Args:
        title: What the dataset is called.
        pictures: All names of each picture.
    """

    title: str
    pictures: tuple[Keys, ...]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.pictures)

    def shared_with(self, other: PictureSet) -> list[ImageKey]:
        """Pictures of this set that another has too.

        Args:
            other: The other.

        Returns:
            One name of each, in the order of this set.
        """
        known = {key for keys in other.pictures for key in keys}
        hits = (
            next((key for key in keys if key in known), None) for keys in self.pictures
        )
        return [key for key in hits if key is not None]


def keys_of(
    dataset: BaseRefDataset, images: Iterable[int] | None = None
) -> dict[int, Keys]:
    """Names of the pictures that the items of a dataset show.

    Args:
        dataset: The dataset.
        images: Only those at these positions; None takes all.

    Returns:
        The names of each, by its position.
    """
    if images is None:
        images = np.unique(dataset.item_images())
    return {int(image): dataset.image_keys(int(image)) for image in images}


def title_of(dataset: Any) -> str:
    """What a dataset is called in messages, such as "refcoco (unc) train".

    Args:
        dataset: The dataset.
    """
    name: Any
    if isinstance(dataset, JsonRefDataset):
        name = Path(dataset.ann_file).name
    else:
        name = getattr(dataset, "dataset", None) or getattr(dataset, "path", None)
    if not isinstance(name, str):
        name = type(dataset).__name__.removesuffix("Dataset")
    partition = getattr(dataset, "partition", "")
    split = getattr(dataset, "split", "")
    parts = [name, f"({partition})" if partition else "", split or ""]
    return " ".join(part for part in parts if part)
