"""Masks in the forms that other programs take: boxes, polygons, cut-outs."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np

Polygon: TypeAlias = "list[int]"


def mask_box(mask: np.ndarray) -> list[int] | None:
    """The smallest box around a mask, as COCO writes it.

    Args:
        mask: ``(H, W)`` bool.

    Returns:
        Left, top, width and height in pixels; None for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]


def mask_polygons(mask: np.ndarray) -> tuple[list[Polygon], list[Polygon]]:
    """The outlines of a mask, along the edges of its pixels.

    Filling all of them together by the even-odd rule gives the mask again, exactly.
    COCO's polygons know no holes: the outer ones alone cover them too.

    Args:
        mask: ``(H, W)`` bool.

    Returns:
        Outer outlines and holes, each ``[x0, y0, x1, y1, ...]`` in pixels, the corner
        of the picture being (0, 0).
    """
    # On a grid of twice the size an outline has two points for each pixel that it
    # passes, one on either side, from which the edge between pixels follows.
    double = np.repeat(np.repeat(mask.astype(np.uint8), 2, axis=0), 2, axis=1)
    contours, hierarchy = cv2.findContours(
        double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    outer: list[Polygon] = []
    holes: list[Polygon] = []
    for number, contour in enumerate(contours):
        is_hole = hierarchy[0][number][3] >= 0
        corners = (contour[:, 0].astype(int) + 1) // 2
        points = _corners_only(corners)
        (holes if is_hole else outer).append(points.ravel().tolist())
    return outer, holes


def _corners_only(points: np.ndarray) -> np.ndarray:
    """A closed line of points ``(P, 2)`` without those that change nothing."""
    for _ in range(2):  # equal points first, then those on a straight line
        before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
        moved = (points != before).any(axis=1)
        if not moved.all():
            points = points[moved]
            continue
        step, next_step = points - before, after - points
        turns = step[:, 0] * next_step[:, 1] != step[:, 1] * next_step[:, 0]
        points = points[turns]
    return points


def cut_out(picture: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """The part of a picture inside a mask, on a transparent ground.

    Args:
        picture: ``(H, W, 3)`` uint8.
        mask: ``(H, W)`` bool.

    Returns:
        ``(h, w, 4)`` uint8, the box around the mask with alpha 255 inside and 0
        outside; None for an empty mask.
    """
    box = mask_box(mask)
    if box is None:
        return None
    left, top, width, height = box
    inside = mask[top : top + height, left : left + width]
    colours = picture[top : top + height, left : left + width]
    alpha = inside.astype(np.uint8) * 255
    # What is invisible says nothing of what was around the object.
    return np.dstack([colours * inside[..., None], alpha])
