"""Writes text below pictures, in any script the font has and without stumbling."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_BACKGROUND = (255, 255, 255)
_INK = (0, 0, 0)
_MARGIN = 6
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@lru_cache(maxsize=16)
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """The font of all pictures.

    Matplotlib brings it: Latin, Greek, Cyrillic, Arabic and many signs. What it lacks
    is drawn as a box.

    Args:
        size: Its height in pixels.
    """
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)


def drawable(text: str) -> str:
    """Replace what no font draws, and what would turn or break the line.

    Args:
        text: Any string.

    Returns:
        The text with single blanks for white space, without control and formatting
        characters (joiners, marks of direction, variation selectors), and with a
        replacement sign for halves of surrogate pairs.
    """
    signs = []
    for sign in " ".join(text.split()):
        category = unicodedata.category(sign)
        if category == "Cs":
            signs.append("\N{REPLACEMENT CHARACTER}")
        elif category not in ("Cc", "Cf") and not "\ufe00" <= sign <= "\ufe0f":
            signs.append(sign)
    return "".join(signs)


def wrap_text(
    text: str, *, width: int, size: int, max_lines: int | None = None
) -> list[str]:
    """Break a text into lines that fit, between words where possible.

    Args:
        text: The text; any white space separates words.
        width: Pixels of a line.
        size: Height of the font in pixels.
        max_lines: What does not fit into so many is left out and three dots stand for
            it; None keeps all.

    Returns:
        The lines, at least one. A word wider than a line is broken.
    """
    font = load_font(size)
    lines = [""]
    for word in drawable(text).split():
        if max_lines is not None and len(lines) > max_lines:
            break
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
    if max_lines is None or len(lines) <= max_lines:
        return lines
    last = lines[max_lines - 1]
    while last and font.getlength(last + _ELLIPSIS) > width:
        last = last[:-1]
    return [*lines[: max_lines - 1], last.rstrip() + _ELLIPSIS]


def draw_caption(
    text: str, *, width: int, size: int, max_lines: int | None = None
) -> np.ndarray:
    """Draw a text in black on white.

    Args:
        text: The text, wrapped where it is too long.
        width: Pixels of the picture.
        size: Height of the font in pixels.
        max_lines: Most lines, None for all that are needed.

    Returns:
        ``(H, width, 3)`` uint8 with as many lines as needed.
    """
    room = max(width - 2 * _MARGIN, size)
    lines = wrap_text(text, width=room, size=size, max_lines=max_lines)
    spacing = round(1.35 * size)
    height = len(lines) * spacing + _MARGIN
    picture = Image.new("RGB", (width, height), _BACKGROUND)
    brush = ImageDraw.Draw(picture)
    for row, line in enumerate(lines):
        position = (_MARGIN, _MARGIN // 2 + row * spacing)
        brush.text(position, line, fill=_INK, font=load_font(size))
    return np.array(picture)
