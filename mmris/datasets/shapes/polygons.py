"""Turns a mask into polygons that read back to exactly the same mask.

Polygons follow the edges of the pixels: COCO's rasteriser, which REFER's tools use,
gives back the very pixels between corners that lie on whole coordinates. A hole becomes
part of the outline around it through a slit of no width, which encloses nothing.
"""

from __future__ import annotations

import numpy as np

Point = tuple[int, int]

# Steps with the inside on the right hand (y points down), and the order in which they
# are tried where two pixels touch at a corner: right turns first keep them apart.
_RIGHT_TURN = {(1, 0): (0, 1), (0, 1): (-1, 0), (-1, 0): (0, -1), (0, -1): (1, 0)}


def mask_to_polygons(mask: np.ndarray) -> list[list[float]]:
    """Outline a mask.

    Args:
        mask: ``(H, W)`` bool.

    Returns:
        One polygon ``[x0, y0, x1, y1, ...]`` for each part whose pixels hang together
        by their sides; no polygon for an empty mask.
    """
    outlines: list[list[Point]] = []
    holes: list[list[Point]] = []
    for loop in _loops(mask):
        (holes if _area(loop) < 0 else outlines).append(loop)
    # Highest first: what is above a hole is its outline or a hole already joined to it.
    for hole in sorted(holes, key=_highest):
        _join(hole, outlines)
    return [
        [float(value) for point in _corners(outline) for value in point]
        for outline in outlines
    ]


def _loops(mask: np.ndarray) -> list[list[Point]]:
    """Closed walks along the pixel edges, one grid point a step."""
    inside = np.pad(mask.astype(np.int8), 1)
    across = np.diff(inside, axis=0)[:, 1:-1]
    along = np.diff(inside, axis=1)[1:-1]
    steps: dict[Point, set[Point]] = {}
    for changes, horizontal in ((across, True), (along, False)):
        for row, column in np.argwhere(changes).tolist():
            enters = changes[row, column] > 0
            first = column, row
            second = (column + 1, row) if horizontal else (column, row + 1)
            start, end = (first, second) if enters == horizontal else (second, first)
            step = end[0] - start[0], end[1] - start[1]
            steps.setdefault(start, set()).add(step)
    loops = []
    while steps:
        loops.append(_walk(steps))
    return loops


def _walk(steps: dict[Point, set[Point]]) -> list[Point]:
    start = point = next(iter(steps))
    step = next(iter(steps[start]))
    loop = []
    while True:
        loop.append(point)
        steps[point].remove(step)
        if not steps[point]:
            del steps[point]
        point = point[0] + step[0], point[1] + step[1]
        if point not in steps:
            return loop
        right = _RIGHT_TURN[step]
        options = steps[point]
        if point == start and right not in options:
            return loop
        step = right if right in options else next(iter(options))


def _area(loop: list[Point]) -> float:
    points = np.asarray(loop)
    after = np.roll(points, -1, axis=0)
    return float((points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]).sum() / 2)


def _highest(loop: list[Point]) -> tuple[int, int]:
    x, y = min(loop, key=lambda point: (point[1], point[0]))
    return y, x


def _join(hole: list[Point], outlines: list[list[Point]]) -> None:
    """Go from an outline down to a hole, around it and back up."""
    row, column = _highest(hole)
    position = hole.index((column, row))
    around = hole[position:] + hole[: position + 1]
    owner = {point: outline for outline in outlines for point in outline}
    above = row - 1
    while (column, above) not in owner:
        above -= 1
    outline = owner[column, above]
    at = outline.index((column, above))
    down = [(column, y) for y in range(above, row)]
    outline[at:at] = [*down, *around, *down[:0:-1]]


def _corners(loop: list[Point]) -> list[Point]:
    """The points of a walk at which it turns."""
    before, after = loop[-1:] + loop[:-1], loop[1:] + loop[:1]
    return [
        point
        for last, point, following in zip(before, loop, after, strict=True)
        if (point[0] - last[0], point[1] - last[1])
        != (following[0] - point[0], following[1] - point[1])
    ]
