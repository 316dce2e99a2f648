"""Masks laid over pictures: a tint, an outline and, among several, a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .captions import load_font

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .palette import LineStyle

_WHITE = (255, 255, 255)
_INK = (0, 0, 0)


def fit(picture: np.ndarray, *, min_side: int, max_side: int) -> np.ndarray:
    """Enlarge or reduce a picture until its longer side is within limits.

    Args:
        picture: ``(H, W, 3)`` or ``(H, W)`` uint8; a mask stays one.
        min_side: A shorter longer side is enlarged to this, in pixels.
        max_side: A longer one is reduced to this, in pixels.

    Returns:
        The picture in its proportions; the input itself if it fits.
    """
    height, width = picture.shape[:2]
    longer = max(height, width)
    scale = min(max(longer, min_side), max_side) / longer
    if scale == 1:
        return picture
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    # Enlarged pixels keep their edges, so that small pictures show what is in them.
    shrinks = scale < 1 and picture.ndim == 3
    method = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(picture, size, interpolation=method))


def line_width(picture: np.ndarray) -> int:
    """Width of outlines that can be seen on a picture and cover little of it.

    Args:
        picture: ``(H, W, 3)``.
    """
    return max(2, round(int(max(picture.shape[:2])) / 400))


def draw_mask(
    picture: np.ndarray, inside: np.ndarray, style: LineStyle, *, alpha: float
) -> np.ndarray:
    """Tint a mask and draw its outline.

    The outline is white with the colour on it, so that it is seen on a background of
    the same colour as well.

    Args:
        picture: ``(H, W, 3)`` uint8 in RGB order; left as it is.
        inside: ``(H, W)``, True or non-zero inside.
        style: Colour of the tint, colour and dashes of the outline.
        alpha: Opacity of the tint, from 0 to 1.

    Returns:
        A new picture.
    """
    where = inside != 0
    drawn = picture.astype(np.float32)
    drawn[where] = (1 - alpha) * drawn[where] + alpha * np.asarray(style.color)
    drawn = np.ascontiguousarray(drawn.round().astype(np.uint8))
    width = line_width(picture)
    contours, _ = cv2.findContours(
        where.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(drawn, contours, -1, _WHITE, thickness=width + 2)
    if not style.dash:
        cv2.drawContours(drawn, contours, -1, style.color, thickness=width)
        return drawn
    period = (style.dash + style.gap) * width
    for contour in contours:
        for start in range(0, len(contour), period):
            dash = contour[start : start + style.dash * width]
            cv2.polylines(drawn, [dash], False, style.color, thickness=width)
    return drawn


def draw_numbers(
    picture: np.ndarray,
    masks: Sequence[np.ndarray],
    styles: Sequence[LineStyle],
    *,
    size: int,
) -> np.ndarray:
    """Write 1, 2, ... into masks, where each is widest; an empty one gets none.

    Args:
        picture: ``(H, W, 3)`` uint8 in RGB order; left as it is.
        masks: K times ``(H, W)``, True or non-zero inside.
        styles: Colours of the rings around the numbers.
        size: Height of the font in pixels.

    Returns:
        A new picture.
    """
    canvas = Image.fromarray(picture)
    brush = ImageDraw.Draw(canvas)
    radius = round(0.75 * size)
    taken: list[tuple[int, int]] = []
    for number, (mask, style) in enumerate(zip(masks, styles, strict=True), start=1):
        if not (mask != 0).any():
            continue
        center = _free_place(mask, radius, taken)
        taken.append(center)
        draw_badge(brush, str(number), center, style, size=size)
    return np.array(canvas)


def draw_badge(
    brush: ImageDraw.ImageDraw,
    text: str,
    center: tuple[int, int],
    style: LineStyle,
    *,
    size: int,
) -> None:
    """Draw a small disc with a text.

    Args:
        brush: Where to draw.
        text: One or two characters.
        center: ``(x, y)`` of the middle of the disc.
        style: Its ring has this colour.
        size: Height of the font in pixels.
    """
    x, y = center
    radius = round(0.75 * size)
    box = (x - radius, y - radius, x + radius, y + radius)
    brush.ellipse(box, fill=_WHITE, outline=style.color, width=max(2, size // 7))
    font = load_font(round(0.8 * size))
    brush.text(center, text, fill=_INK, font=font, anchor="mm")


def _free_place(
    mask: np.ndarray, radius: int, taken: list[tuple[int, int]]
) -> tuple[int, int]:
    """The place deepest inside a mask, moved on from numbers that are there already."""
    height, width = mask.shape
    # The border of the picture is a border of the mask.
    padded = np.pad((mask != 0).astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    x, y = int(column), int(row)
    step = 2 * radius + 2
    while any(abs(x - a) < step and abs(y - b) < step for a, b in taken):
        x += step
        if x + radius >= width:
            x, y = radius, y + step
        if y >= height:
            break
    x = min(max(x, radius), max(width - 1 - radius, radius))
    return x, min(max(y, radius), max(height - 1 - radius, radius))
