"""Reads masks and maps of object numbers from PNG files, as numbers and not colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .nearby_files import find_one_level_off

if TYPE_CHECKING:
    from pathlib import Path

# Formats that keep every pixel as it was written; GIF may number colours anew.
LOSSLESS_FORMATS = ("PNG", "BMP", "TIFF", "PPM")
# Most values shown of those that a file has.
MAX_LISTED = 12


def read_mask_file(folder: Path, name: str) -> np.ndarray:
    """Read the numbers of a mask's pixels.

    Of a picture with a palette these are the indices, not the colours; 16-bit files
    keep their numbers. A colour file is taken where all its pixels are grey.

    Args:
        folder: Folder of the masks.
        name: Path of the file below it.

    Returns:
        ``(height, width)`` of non-negative integers.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is no complete picture, is a JPEG, or has colours.
    """
    path = folder / name
    try:
        with Image.open(path) as image:
            return _numbers(image, path)
    except FileNotFoundError:
        other = find_one_level_off(folder, name)
        hint = (
            f"It lies one level off, at {other}: correct 'mask_dir' of the dataset"
            if other is not None
            else "Check 'mask_dir' of the dataset and that all masks were copied"
        )
        raise FileNotFoundError(f"no mask {path}. {hint}") from None
    except (OSError, SyntaxError) as error:
        raise ValueError(
            f"{path} is no complete picture: {str(error)[:100]}. Write the mask again"
        ) from None


def _numbers(image: Image.Image, path: Path) -> np.ndarray:
    if image.format not in LOSSLESS_FORMATS:
        raise ValueError(
            f"{path} is a {image.format} file, which does not keep the numbers "
            "of pixels. Save masks as PNG"
        )
    if image.mode == "F":
        raise ValueError(
            f"{path} has numbers with fractions. Save masks as PNG with whole numbers"
        )
    pixels = np.asarray(image)
    _check_transparency(pixels, image.mode, path)
    if image.mode in ("LA", "PA"):
        pixels = pixels[..., 0]
    if pixels.ndim == 3:
        colours = pixels[..., :3]
        if (colours != colours[..., :1]).any():
            raise ValueError(
                f"{path} is a colour picture, and colours are no numbers of objects. "
                "Save masks with one channel: 0 for the background, a number for each "
                "object"
            )
        pixels = colours[..., 0]
    return pixels.astype(np.int64)


def _check_transparency(pixels: np.ndarray, mode: str, path: Path) -> None:
    # A cut-out has its shape there, and what lies beside it may be of any colour.
    if mode not in ("LA", "PA", "RGBA"):
        return
    if pixels[pixels[..., -1] == 0, :-1].any():
        raise ValueError(
            f"{path} has numbers other than 0 where it is transparent, so that what "
            "cannot be seen would be part of an object. Save masks with one channel: "
            "0 for the background, a number for each object"
        )


def select_object(numbers: np.ndarray, value: int | None, name: str) -> np.ndarray:
    """The pixels of an object.

    Args:
        numbers: ``(height, width)`` of integers.
        value: Number of the object; None takes every pixel that is not 0.
        name: The file, for messages.

    Returns:
        ``(height, width)`` bool, True somewhere.

    Raises:
        ValueError: No pixel is of the object.
    """
    mask: np.ndarray = numbers != 0 if value is None else numbers == value
    if not mask.any():
        if value is None:
            raise ValueError(f"{name} is 0 everywhere: it shows no object")
        values = np.unique(numbers).tolist()
        more = ", ..." if len(values) > MAX_LISTED else ""
        listed = ", ".join(map(str, values[:MAX_LISTED]))
        raise ValueError(
            f"{name} has no pixel of 'mask_value' {value}; it has {listed}{more}"
        )
    return mask
