"""Predictions of a program that draws each mask into a picture of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmris.datasets.mask_files import read_mask_file
from mmris.datasets.masks import encode_mask

from .mask_runs import MaskRuns
from .predicted_image import PredictedImage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Folders of soft scores, which are PNG files as well, end in this.
SOFT_FOLDER = ".scores"


def read_mask_folder(folder: Path) -> Iterator[tuple[str, PredictedImage]]:
    """Read the masks of a folder, ``<sent_id>.png``; every pixel that is not 0 counts.

    Args:
        folder: The folder. Files that are no ``.png`` are passed over.

    Yields:
        The place of a mask, for messages, and the mask.

    Raises:
        ValueError: A file has another name or is no mask, or there is none.
    """
    if folder.suffix == SOFT_FOLDER:
        raise ValueError(
            f"{folder} has soft scores and no masks; give the .jsonl file beside it"
        )
    files = sorted(folder.glob("*.png"))
    if not files:
        raise ValueError(
            f"the folder {folder} has no mask: expected <sent_id>.png for each "
            "sentence, or the name of a file of predictions"
        )
    for file in files:
        if not (file.stem.isascii() and file.stem.isdigit()):
            raise ValueError(
                f"{file}: the name is no number of a sentence. Name masks "
                "<sent_id>.png, as 21.png"
            )
        mask = read_mask_file(folder, file.name) != 0
        counts = encode_mask(mask)["counts"]
        runs = MaskRuns.from_counts(counts, mask.shape)
        yield str(file), PredictedImage((int(file.stem),), (runs,))
