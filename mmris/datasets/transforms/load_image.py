"""Reads pictures of every common kind to one: (H, W, 3) uint8 in BGR order."""

from __future__ import annotations

import io
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio
from PIL import Image, ImageOps, UnidentifiedImageError

from mmris.datasets.nearby_files import find_one_level_off
from mmris.registry import TRANSFORMS

from .picture_check import check_picture

# Formats in which Pillow gives 16-bit pixels as 32-bit integers of the same range.
_FORMATS_OF_16_BITS = ("PNG", "PPM")
_BACKGROUND = (255, 255, 255)
# The markers that every complete JPEG begins and ends with.
_START_OF_JPEG, _END_OF_JPEG = b"\xff\xd8\xff", b"\xff\xd9"
_START_OF_SEGMENT = 0xFF
# Of the segment that says how large a picture is: its beginning, as far as the number
# of channels. Markers of the kinds that libjpeg decodes: baseline to progressive.
_FRAME = struct.Struct(">BBHBHHB")
_MARKERS_OF_FRAMES = (0xC0, 0xC1, 0xC2)
_BITS = 8
# What Pillow's readers raise on files that are damaged or cut off.
_MALFORMED = (
    OSError,
    SyntaxError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)


@TRANSFORMS.register_module()
class LoadRefImage(BaseTransform):
    """Load a picture as ``(H, W, 3)`` uint8 in BGR order.

    A picture that the dataset made is kept. The orientation in a photograph's EXIF
    data is ignored: masks are in the pixels as they are stored. Everything else is as
    in :func:`read_image`.

    Reads ``img`` or ``img_path``, ``height``, ``width``; writes ``img``, ``img_shape``
    and ``ori_shape``, both ``(height, width)``.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is no complete picture, or of another size than its record
            says, or what the dataset made is no ``(H, W, 3)`` uint8.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Load the picture of an item.

        Args:
            results: The item.

        Returns:
            The item with its picture.
        """
        if "img" not in results:
            results["img"] = _read_of_dataset(results["img_path"])
        check_picture(
            results["img"],
            source=f"the picture of image {results.get('image_id', '')}",
            remedy="Convert it where the dataset makes it (load_image)",
        )
        size = tuple(results["img"].shape[:2])
        recorded = (results.get("height", size[0]), results.get("width", size[1]))
        if size != recorded:
            raise ValueError(
                f"{results.get('img_path') or 'the picture'} is of size (height, "
                f"width) {size}, but its annotations are for {recorded}. Use the "
                "pictures that the annotations were made on, not resized or rotated"
            )
        results["img_shape"] = results["ori_shape"] = size
        return results


def read_image(
    source: str | Path | bytes | Image.Image, *, apply_exif: bool
) -> np.ndarray:
    """Read a picture as 8-bit colour, whatever it is stored as.

    Grey becomes three equal channels, a palette its colours; CMYK is converted without
    colour profile. 16-bit pixels keep their high byte, so that the whole range of the
    file becomes 0 to 255. What is transparent is laid on white, as most viewers show
    it. Of several pictures in a file, such as an animation, the first is taken.

    Args:
        source: Path or URL of the picture, the content of a file, or a Pillow image.
        apply_exif: Whether to turn a photograph upright as its EXIF data say. True for
            a user's photograph, so that the answer fits what the user sees; False where
            masks are in the pixels as they are stored.

    Returns:
        ``(H, W, 3)`` uint8 in BGR order.

    Raises:
        FileNotFoundError: No such file.
        IsADirectoryError: The path is a folder.
        ValueError: The file is no complete picture, is too large for a picture, or has
            pixels of unknown range (32 bits, floating point).
    """
    if isinstance(source, Image.Image):
        return _to_bgr(source, "the picture", apply_exif=apply_exif)
    if isinstance(source, bytes):
        content, name = source, "the picture"
    else:
        content, name = _content(source), str(source)
    if not apply_exif and _is_plain_jpeg(content):
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        pixels: np.ndarray | None = cv2.imdecode(
            np.frombuffer(content, np.uint8), flags
        )
        if pixels is not None:
            return pixels
    return _to_bgr(_open(content, name), name, apply_exif=apply_exif)


def _is_plain_jpeg(content: bytes) -> bool:
    """Whether OpenCV reads a file as Pillow does, in half of the time.

    Both decode by libjpeg-turbo, but OpenCV fills what a file lacks with grey, and
    converts CMYK otherwise. Nearly all pictures of datasets are plain.
    """
    if not content.startswith(_START_OF_JPEG) or not content.endswith(_END_OF_JPEG):
        return False
    position = len(_START_OF_JPEG) - 1
    # Segments: 0xff, a marker, a length that counts its own two bytes, and so much.
    while position + _FRAME.size <= len(content):
        start, marker, length, bits, height, width, channels = _FRAME.unpack_from(
            content, position
        )
        if start != _START_OF_SEGMENT:
            return False
        if marker in _MARKERS_OF_FRAMES:
            allowed = height * width <= 2 * (Image.MAX_IMAGE_PIXELS or math.inf)
            return bits == _BITS and channels in (1, 3) and allowed
        position += 2 + length
    return False


def _open(content: bytes, name: str) -> Image.Image:
    try:
        # Pillow refuses a file that ends early; OpenCV fills the rest with grey.
        image = Image.open(io.BytesIO(content))
        image.load()
    except Image.DecompressionBombError:
        raise ValueError(
            f"{name} has more than {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels, which "
            "Pillow refuses as an attack on memory. Scale the picture down"
        ) from None
    except _MALFORMED as error:
        reason = str(error)
        if isinstance(error, UnidentifiedImageError):
            reason = f"it begins with {content[:16]!r}, as no known kind of picture"
        raise ValueError(
            f"{name} ({len(content)} bytes) is no complete picture: {reason}. Copy or "
            "download it again"
        ) from None
    return image


def _content(path: str | Path) -> bytes:
    try:
        # For every item of a dataset: MMEngine's search for a backend takes longer.
        if "://" in str(path):
            content: bytes = fileio.get(path)
        else:
            content = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"no picture {path}. Check the path") from None
    except IsADirectoryError:
        raise IsADirectoryError(
            f"{path} is a folder, no picture. Give the path of one picture"
        ) from None
    return content


def _to_bgr(image: Image.Image, name: str, *, apply_exif: bool) -> np.ndarray:
    has_16_bits = image.mode.startswith("I;16") or (
        image.mode == "I" and image.format in _FORMATS_OF_16_BITS
    )
    if apply_exif:
        image = _upright(image)
    if has_16_bits:
        # Pillow's own conversion clips at 255, which leaves a white picture.
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ValueError(
            f"{name} has pixels of mode {image.mode!r} (32 bits), of which nobody "
            "knows what is black and what is white. Save it with 8 or 16 bits a channel"
        )
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, _BACKGROUND)
        image = Image.alpha_composite(background, image)
    rgb = np.asarray(image.convert("RGB"))
    return np.ascontiguousarray(rgb[..., ::-1])


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _MALFORMED:
        # Damaged EXIF data say nothing about the orientation; the pixels are sound.
        return image


def _read_of_dataset(path: str) -> np.ndarray:
    try:
        return read_image(path, apply_exif=False)
    except FileNotFoundError:
        other = find_one_level_off(Path(path).parent, Path(path).name)
        if other is not None:
            raise FileNotFoundError(
                f"no picture {path}. It lies one level off, at {other}: correct the "
                "folder of the pictures ('image_dir' of the dataset)"
            ) from None
        raise FileNotFoundError(
            f"no picture {path}. Check the folder of the pictures ('image_dir' of the "
            "dataset) and that all of them were copied"
        ) from None
