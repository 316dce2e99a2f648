"""Reads the size of a picture without its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from .nearby_files import find_one_level_off, what_lies_at


@dataclass(frozen=True)
class PictureHeader:
    """What the first bytes of a picture tell.

    Args:
        height: Height in pixels, as stored.
        width: Width in pixels, as stored.
        turned: Whether its EXIF data ask viewers to turn or mirror it.
    """

    height: int
    width: int
    turned: bool


def read_picture_header(folder: Path, name: str) -> PictureHeader:
    """Read the header of a picture.

    Args:
        folder: Folder of the pictures.
        name: Path of the picture below it.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is no picture.
    """
    path = folder / name
    try:
        with Image.open(path) as image:
            # Asking a PNG without EXIF data for them would decode it.
            exif = image.getexif() if "exif" in image.info else {}
            turned = exif.get(ExifTags.Base.Orientation, 1) not in (0, 1)
            return PictureHeader(image.height, image.width, turned)
    except FileNotFoundError:
        raise FileNotFoundError(_missing(folder, name)) from None
    except UnidentifiedImageError:
        start = path.read_bytes()[:16]
        raise ValueError(
            f"{path} ({path.stat().st_size} bytes) begins with {start!r}, as no known "
            "kind of picture. Copy or download it again"
        ) from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder, no picture. Write its file") from None


def _missing(folder: Path, name: str) -> str:
    other = find_one_level_off(folder, name)
    if other is None:
        return (
            f"no picture {folder / name}: {what_lies_at((folder / name).parent)}. "
            "Check 'image_dir' of the dataset and that all pictures were copied"
        )
    parts = Path(name).parts
    remedy = (
        f"set image_dir={str(other.parents[len(parts) - 1])!r}"
        if other.parts[-len(parts) :] == parts
        else "correct 'image' in the entries"
    )
    return f"no picture {folder / name}. It lies one level off, at {other}: {remedy}"
