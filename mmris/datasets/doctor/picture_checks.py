"""Pictures that are missing, broken, cut off or of another size than annotated."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from PIL import Image

from mmris.datasets.nearby_files import find_one_level_off, what_lies_at
from mmris.datasets.picture_headers import read_picture_header
from mmris.datasets.transforms.load_image import read_image

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .content import Picture
    from .findings import Findings

# Reading waits for the disk, and decoding lets go of Python's lock.
NUM_THREADS = 4
_END_OF_JPEG = b"\xff\xd9"

# Kind of finding and place.
Trouble = tuple[str, str]


def check_pictures(
    pictures: Iterable[Picture], folder: Path, findings: Findings, *, decode: bool
) -> None:
    """Look at the files of all pictures.

    Args:
        pictures: What the annotations say about them.
        folder: Their folder.
        findings: Takes what is wrong.
        decode: Decode every picture. Otherwise headers are read, and those JPEG files
            decoded that do not end as one.
    """
    pictures = list(pictures)
    if not folder.is_dir():
        other = find_one_level_off(folder, pictures[0].name) if pictures else None
        hint = (
            f"give --image-dir {other.parent}, where they are"
            if other is not None
            else what_lies_at(folder)
        )
        findings.add("no_picture_folder", f"{folder}: {hint}")
        return

    def check(picture: Picture) -> Trouble | None:
        return _check(picture, folder, decode=decode)

    with warnings.catch_warnings(), ThreadPoolExecutor(NUM_THREADS) as pool:
        # Pillow's own words about large pictures and odd EXIF data.
        warnings.simplefilter("ignore")
        for trouble in pool.map(check, pictures):
            if trouble is not None:
                findings.add(*trouble)


def _check(picture: Picture, folder: Path, *, decode: bool) -> Trouble | None:
    path = folder / picture.name
    try:
        # Not left to the reader, which looks around for each one that is missing.
        if not path.is_file():
            return "missing_picture", str(path)
        header = read_picture_header(folder, picture.name)
        if decode or _may_be_cut_off(path):
            read_image(path, apply_exif=False)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = str(error)
        return "broken_picture", reason if str(path) in reason else f"{path}: {reason}"
    if (header.height, header.width) != (picture.height, picture.width):
        return (
            "other_size",
            f"{path} is of height {header.height} and width {header.width}, "
            f"annotated are {picture.height} and {picture.width}",
        )
    return None


def _may_be_cut_off(path: Path) -> bool:
    """Whether a file is a JPEG without the two bytes that end one."""
    with path.open("rb") as file:
        if file.read(2) != b"\xff\xd8":
            return False
        file.seek(-2, 2)
        return file.read(2) != _END_OF_JPEG
