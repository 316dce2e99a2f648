"""Writes text below pictures, in any script the font has and without stumbling."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_BACKGROUND = (255, 255, 255)
_INK = (0, 0, 0)
_MARGIN = 6


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    # Matplotlib brings a font with Latin, Greek, Cyrillic and many signs; what it lacks
    # is drawn as a box.
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)


def wrap_text(text: str, *, width: int, size: int) -> list[str]:
    """Break a text into lines that fit, between words where possible.

    Args:
        text: The text; any white space separates words.
        width: Pixels of a line.
        size: Height of the font in pixels.

    Returns:
        The lines, at least one. A word wider than a line is broken.
    """
    font = _font(size)
    lines = [""]
    for word in text.split():
        candidate = f"{lines[-1]} {word}".strip()
        if font.getlength(candidate) <= width:
            lines[-1] = candidate
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and font.getlength(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines


def draw_caption(text: str, *, width: int, size: int) -> np.ndarray:
    """Draw a text in black on white.

    Args:
        text: The text, wrapped where it is too long.
        width: Pixels of the picture.
        size: Height of the font in pixels.

    Returns:
        ``(H, width, 3)`` uint8 with as many lines as needed.
    """
    lines = wrap_text(text, width=max(width - 2 * _MARGIN, size), size=size)
    spacing = round(1.35 * size)
    height = len(lines) * spacing + _MARGIN
    picture = Image.new("RGB", (width, height), _BACKGROUND)
    brush = ImageDraw.Draw(picture)
    for row, line in enumerate(lines):
        position = (_MARGIN, _MARGIN // 2 + row * spacing)
        brush.text(position, line, fill=_INK, font=_font(size))
    return np.array(picture)
