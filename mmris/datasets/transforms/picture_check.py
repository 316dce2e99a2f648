"""What a picture is between the transforms of a pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_picture(picture: Any, *, source: str, remedy: str) -> None:
    """Refuse what is no picture of 8-bit colour.

    Floats and 16 bits would be normalised as if they were 0 to 255, in silence.

    Args:
        picture: What should be ``(H, W, 3)`` uint8 in BGR order.
        source: Where it comes from, the beginning of the message.
        remedy: What to do about it, its end.

    Raises:
        ValueError: It is none, or there is none.
    """
    if picture is None:
        raise ValueError(f"{source} is missing. Put LoadRefImage first in the pipeline")
    if not isinstance(picture, np.ndarray):
        found = f"a {type(picture).__name__}"
    elif picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        found = f"an array of shape {picture.shape} and type {picture.dtype}"
    else:
        return
    raise ValueError(
        f"{source} is {found}; pictures are (height, width, 3) uint8 in BGR order, "
        f"0 to 255. {remedy}"
    )
