"""Polygons drawn with their outline, as PhraseCut does it."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

# Fewest points that PhraseCut draws; two make a line.
MIN_POINTS = 2


def draw_polygons(polygons: Any, height: int, width: int) -> np.ndarray:
    """Draw the union of polygons of whole pixels, outlines included.

    COCO's way leaves about half of an outline's pixels out. PhraseCut's own evaluation
    draws them all, after it has cut off the fractions of coordinates.

    Args:
        polygons: Lists ``[x0, y0, x1, y1, ...]`` in pixels.
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.

    Returns:
        ``(height, width)`` uint8 of 0 and 1.
    """
    picture = Image.new("L", (width, height))
    pen = ImageDraw.Draw(picture)
    for polygon in polygons:
        if len(polygon) >= 2 * MIN_POINTS:
            pen.polygon([int(value) for value in polygon], outline=1, fill=1)
    return np.asarray(picture)
