"""Outlines of the shapes, and how they are filled into a map of pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np

# Fixed-point bits of the corner coordinates given to OpenCV.
SHIFT = 4
SCALE = 1 << SHIFT


def _polygon(corners: int, *, radius: float = 1.0, turn: float = 0.0) -> np.ndarray:
    angles = 2 * np.pi * np.arange(corners) / corners + np.deg2rad(turn) - np.pi / 2
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star() -> np.ndarray:
    points = _polygon(10)
    points[1::2] *= 0.45
    return points


def _cross(arm: float) -> np.ndarray:
    quarter = np.array([[-arm, -arm], [-arm, -1.0], [arm, -1.0]])
    turns = [np.array([[0, -1], [1, 0]]), np.array([[-1, 0], [0, -1]])]
    turns = [np.eye(2), turns[0], turns[1], -turns[0]]
    return np.concatenate([quarter @ turn.T for turn in turns])


# Contours in a circle of radius 1 or near it (y points down), sized so that shapes of
# one radius look alike in size. A second contour is a hole.
UNIT_OUTLINES: dict[str, tuple[np.ndarray, ...]] = {
    "circle": (_polygon(40, radius=0.95),),
    "square": (_polygon(4, radius=1.2, turn=45),),
    "triangle": (_polygon(3, radius=1.2) + np.array([0.0, 0.2]),),
    "star": (_star() * 1.15,),
    "cross": (_cross(0.38),),
    "ring": (_polygon(40), _polygon(40, radius=0.5)),
    "diamond": (_polygon(4, radius=1.1) * np.array([0.8, 1.05]),),
}

# Farthest corner of each shape from its centre, for a radius of 1.
REACH: dict[str, float] = {
    shape: max(float(np.hypot(*contour.T).max()) for contour in contours)
    for shape, contours in UNIT_OUTLINES.items()
}


def fill(
    pixels: np.ndarray,
    *,
    shape: str,
    center: tuple[float, float],
    radius: float,
    angle: float,
    value: int,
) -> None:
    """Fill a shape into a map.

    Args:
        pixels: ``(H, W)`` uint8, changed in place.
        shape: Name of the shape.
        center: ``(x, y)`` in pixels.
        radius: In pixels.
        angle: Clockwise turn in radians.
        value: What its pixels become.
    """
    cosine, sine = radius * math.cos(angle), radius * math.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    contours = [
        np.rint((contour @ turn + center) * SCALE).astype(np.int32)
        for contour in UNIT_OUTLINES[shape]
    ]
    cv2.fillPoly(pixels, contours, (value,), shift=SHIFT)
