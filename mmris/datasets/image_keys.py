"""Names of pictures that mean the same in every dataset, to find what two share."""

from __future__ import annotations

import os
import re
from functools import lru_cache

# Where the number or path comes from, and the number or path: ("coco", 9).
ImageKey = tuple[str, int | str]

COCO = "coco"
SAIAPR = "saiapr"
VISUAL_GENOME = "visual_genome"
# Pictures of no known collection are known by their path.
FILES = "files"

# Numbers of COCO's pictures are the same in the releases of 2014 and 2017.
_COCO_NAME = re.compile(r"COCO_(?:train|val|test)20\d\d_(\d{12})")
_COCO_FOLDER = re.compile(r"(?:train|val|test)20\d\d")
_COCO_NUMBER = re.compile(r"\d{12}")


def file_key(path: str) -> ImageKey:
    """Name a picture by its file.

    A file named as COCO names its own (``COCO_train2014_000000000009.jpg``, or
    ``train2017/000000000009.jpg``) is COCO's picture of that number, wherever it lies.
    One of another name is known by its path, in which links of folders are resolved.

    Args:
        path: The file, which need not exist.

    Example:
        >>> file_key("images/COCO_train2014_000000000009.jpg")
        ('coco', 9)
        >>> file_key("val2017/000000000139.jpg")
        ('coco', 139)
    """
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    match = _COCO_NAME.match(stem)
    if match:
        return COCO, int(match[1])
    if _COCO_NUMBER.fullmatch(stem) and _COCO_FOLDER.fullmatch(
        os.path.basename(folder)
    ):
        return COCO, int(stem)
    return FILES, os.path.join(_real_folder(folder), name)


@lru_cache(maxsize=1024)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
