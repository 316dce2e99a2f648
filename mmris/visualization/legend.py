"""Says which colour and number belongs to which expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from .captions import draw_caption
from .overlays import draw_badge, draw_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .palette import LineStyle

_MARGIN = 6
_MAX_LINES = 4


def draw_legend(
    texts: Sequence[str],
    styles: Sequence[LineStyle],
    *,
    width: int,
    size: int,
    alpha: float,
    numbered: bool,
) -> np.ndarray:
    """Draw one row for each mask: its number, its tint and outline, its text.

    Args:
        texts: K texts; one longer than four lines is cut.
        styles: K styles.
        width: Pixels of the picture.
        size: Height of the font in pixels.
        alpha: Opacity of the tints.
        numbered: Whether the masks have numbers.

    Returns:
        ``(H, width, 3)`` uint8.
    """
    rows = []
    for number, (text, style) in enumerate(zip(texts, styles, strict=True), start=1):
        badge = str(number) if numbered else ""
        sign = _sign(badge, style, size=size, alpha=alpha)
        # On a narrow picture the sign stands above its text.
        beside = width - sign.shape[1] >= 6 * size
        room = width - sign.shape[1] if beside else width
        words = draw_caption(text, width=room, size=size, max_lines=_MAX_LINES)
        if beside:
            height = max(len(words), len(sign))
            rows.append(
                np.hstack([_to_height(sign, height), _to_height(words, height)])
            )
        else:
            rows += [_to_width(sign, width), words]
    return np.vstack(rows)


def _sign(badge: str, style: LineStyle, *, size: int, alpha: float) -> np.ndarray:
    height, length = round(1.35 * size) + _MARGIN, 2 * size
    left = _MARGIN + (round(1.5 * size) + _MARGIN if badge else 0)
    canvas = np.full((height, left + length, 3), 255, dtype=np.uint8)
    patch = np.zeros(canvas.shape[:2], dtype=bool)
    middle = _MARGIN // 2 + round(0.65 * size)
    patch[middle - size // 2 : middle + size // 2, left : left + length - 1] = True
    # The picture that was outlined is larger: outlines as wide as the smallest there.
    canvas = draw_mask(canvas, patch, style, alpha=alpha)
    if not badge:
        return canvas
    picture = Image.fromarray(canvas)
    center = (_MARGIN + round(0.75 * size), middle)
    draw_badge(ImageDraw.Draw(picture), badge, center, style, size=size)
    return np.array(picture)


def _to_height(picture: np.ndarray, height: int) -> np.ndarray:
    missing = height - picture.shape[0]
    return np.pad(picture, ((0, missing), (0, 0), (0, 0)), constant_values=255)


def _to_width(picture: np.ndarray, width: int) -> np.ndarray:
    cut = picture[:, :width]
    missing = width - cut.shape[1]
    return np.pad(cut, ((0, 0), (0, missing), (0, 0)), constant_values=255)
