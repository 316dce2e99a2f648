"""Masks in MATLAB files, as ReferIt publishes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat

from .nearby_files import what_lies_at

# Name of the array, and its value on the object: 1 stands for the background.
MAT_VARIABLE = "segimg_t"
FOREGROUND = 0
# Types of arrays of numbers; a file may hold cells, structures or functions as well.
_NUMBERS = frozenset(
    ["double", "single", "logical", "char"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
) - {"char"}


def read_mat_mask(path: str, height: int, width: int) -> np.ndarray:
    """Read a mask from a MATLAB file.

    Only the array of numbers is read: nothing that the file holds beside it is built.

    Args:
        path: The file, of MATLAB's version 4 to 7.2.
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.

    Returns:
        ``(height, width)`` uint8 of 0 and 1, 1 somewhere.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is malformed, has no such array, one of another size, or
            an array that is nowhere :data:`FOREGROUND`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"is in no file {path}: {what_lies_at(Path(path).parent)}. Check "
            "'mask_dir' of the dataset"
        )
    try:
        found = {name: (tuple(shape), kind) for name, shape, kind in whosmat(path)}
    except Exception as error:  # scipy raises a different kind for each malformed byte
        raise _malformed(path, error) from None
    if MAT_VARIABLE not in found:
        raise ValueError(
            f"is in {path}, which has no array {MAT_VARIABLE!r}; it has "
            f"{sorted(found) or 'none'}"
        )
    shape, kind = found[MAT_VARIABLE]
    if kind not in _NUMBERS:
        raise ValueError(
            f"is in {path}, whose {MAT_VARIABLE!r} is of type {kind!r}, no array of "
            "numbers"
        )
    # Before it is read: the size may be anything.
    if shape != (height, width):
        raise ValueError(
            f"is in {path}, of size (height, width) {shape}, but the picture is of "
            f"size {(height, width)}"
        )
    mask: np.ndarray = _load(path) == FOREGROUND
    if not mask.any():
        raise ValueError(
            f"is in {path}, which is nowhere {FOREGROUND}: it shows no object"
        )
    return mask.astype(np.uint8)


def _load(path: str) -> np.ndarray:
    try:
        content: dict[str, Any] = loadmat(path, variable_names=[MAT_VARIABLE])
        return np.asarray(content[MAT_VARIABLE])
    except Exception as error:  # as above
        raise _malformed(path, error) from None


def _malformed(path: str, error: Exception) -> ValueError:
    return ValueError(
        f"is in {path} ({Path(path).stat().st_size} bytes), no MATLAB file of version "
        f"4 to 7.2: {type(error).__name__} {str(error)[:100]!r}"
    )
