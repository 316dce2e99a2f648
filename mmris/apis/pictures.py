"""Pictures as people have them, as the pipelines want them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from PIL import Image

from mmris.datasets.transforms import read_image

ChannelOrder: TypeAlias = Literal["rgb", "bgr"]
Picture: TypeAlias = "str | Path | np.ndarray | Image.Image"


def to_bgr(
    picture: Picture, *, channel_order: ChannelOrder | None, name: str = "image"
) -> np.ndarray:
    """Read or convert a picture.

    Files and Pillow images of every kind are read as
    :func:`mmris.datasets.transforms.read_image` says, turned upright by
    their EXIF data.

    Args:
        picture: A path or URL, a Pillow image, or an array ``(H, W, 3)`` uint8 of
            colour or ``(H, W)`` uint8 of grey.
        channel_order: Order of the channels of an array of colour: ``"rgb"`` as Pillow,
            imageio and matplotlib have it, ``"bgr"`` as OpenCV and mmcv. None refuses
            such arrays. The other kinds know their order.
        name: What to call the picture in messages.

    Returns:
        ``(H, W, 3)`` uint8 in BGR order.

    Raises:
        FileNotFoundError: No such file.
        IsADirectoryError: The path is a folder.
        TypeError: It is none of the kinds above.
        ValueError: The file is no complete picture, the array no picture, or its order
            is not told.
    """
    if channel_order is not None and channel_order not in get_args(ChannelOrder):
        raise ValueError(f"channel_order is {channel_order!r}; give 'rgb' or 'bgr'")
    if isinstance(picture, (str, Path, Image.Image)):
        return read_image(picture, apply_exif=True)
    if not isinstance(picture, np.ndarray):
        raise TypeError(
            f"{name} is of type {type(picture).__name__}; give a path, a Pillow image, "
            "or a NumPy array (H, W, 3) uint8"
        )
    return _array_to_bgr(picture, channel_order, name)


def _array_to_bgr(
    picture: np.ndarray, channel_order: ChannelOrder | None, name: str
) -> np.ndarray:
    is_grey = picture.ndim == 2
    is_colour = picture.ndim == 3 and picture.shape[2] == 3
    if picture.dtype != np.uint8 or not (is_grey or is_colour) or picture.size == 0:
        raise ValueError(
            f"{name} is an array of shape {picture.shape} and type {picture.dtype}; "
            "give (H, W, 3) or (H, W) of type uint8, with values from 0 to 255"
        )
    if is_grey:
        return np.repeat(picture[..., None], 3, axis=2)
    if channel_order is None:
        raise ValueError(
            f"{name} is an array, and channel_order does not say what its channels "
            "are; give channel_order='bgr' for pictures of cv2.imread or mmcv.imread, "
            "channel_order='rgb' for those of Pillow, imageio or matplotlib"
        )
    ordered: Any = picture if channel_order == "bgr" else picture[..., ::-1]
    return np.ascontiguousarray(ordered)
