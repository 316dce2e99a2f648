"""Draws the layout of a scene: attributes with distractors, places, overlaps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from .attributes import (
    COLOR_NAMES,
    HELD_OUT_PAIRS,
    REFERENCE_SIDE,
    SHAPES,
    SIZE_NAMES,
    SIZES,
    TEXTURES,
)
from .outlines import REACH, fill
from .random_stream import Stream, between, pick
from .scene import Scene, SceneObject

if TYPE_CHECKING:
    import random

    from .random_stream import SceneKey

# Share of the shapes that take colour, form or both from one that is already there:
# without them one word would do to tell any shape from the rest.
DISTRACTOR_SHARE = 0.65
# Share of the shapes that are put next to another, so that overlaps are common.
NEIGHBOR_SHARE = 0.35
# Kept-back pairs in each scene of the split that shows them.
HELD_OUT_OBJECTS = 2
PLACE_TRIES = 30
# Of every shape at least this much stays visible, and so many pixels of a picture with
# the reference side.
MIN_VISIBLE_SHARE = 0.6
MIN_VISIBLE_PIXELS = 40
MAX_TURN = math.radians(10)
# Gap to a shape of the same colour: the two would look like one.
SAME_COLOR_GAP = 3.0


class SceneOptions(NamedTuple):
    """What all scenes of a split have in common.

    Attributes:
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.
        num_objects: Fewest and most shapes of a scene.
        held_out: Whether the kept-back pairs of colour and shape are shown (and then in
            every scene) instead of left out.
    """

    height: int
    width: int
    num_objects: tuple[int, int]
    held_out: bool

    @property
    def unit(self) -> float:
        """Pixels for one pixel of a picture with the reference side."""
        return min(self.height, self.width) / REFERENCE_SIDE


def draw_scene(key: SceneKey, options: SceneOptions) -> Scene | None:
    """Draw the layout of a scene.

    Args:
        key: Which scene; the same key gives the same scene.
        options: What the scenes have in common.

    Returns:
        The scene, or None if this draw has no room for its shapes or hides one.
    """
    rng = key.random(Stream.LAYOUT)
    low, high = options.num_objects
    count = low + int(rng.random() * (high - low + 1))
    placed: list[SceneObject] = []
    for looks in _draw_looks(rng, count, held_out=options.held_out):
        shape = _place(rng, looks, placed, options)
        if shape is None:
            return None
        placed.append(shape)
    return _paint(key, placed, options)


def _draw_looks(
    rng: random.Random, count: int, *, held_out: bool
) -> list[tuple[str, str, str, str]]:
    """Colour, form, size and texture of each shape, in random order."""
    looks: list[tuple[str, str, str, str]] = []
    for index in range(count):
        if held_out and index < HELD_OUT_OBJECTS:
            color, shape = pick(rng, HELD_OUT_PAIRS)
        else:
            color, shape = _draw_pair(rng, looks, held_out=held_out)
        looks.append((color, shape, pick(rng, SIZE_NAMES), pick(rng, TEXTURES)))
    order = sorted((rng.random(), index) for index in range(count))
    return [looks[index] for _, index in order]


def _draw_pair(
    rng: random.Random, looks: list[tuple[str, str, str, str]], *, held_out: bool
) -> tuple[str, str]:
    copied = ""
    color, shape = "", ""
    if looks and rng.random() < DISTRACTOR_SHARE:
        color, shape, _, _ = pick(rng, looks)
        copied = pick(rng, ("color", "shape", "both"))
    while True:
        if copied not in ("color", "both"):
            color = pick(rng, COLOR_NAMES)
        if copied not in ("shape", "both"):
            shape = pick(rng, SHAPES)
        if held_out or (color, shape) not in HELD_OUT_PAIRS:
            return color, shape


def _place(
    rng: random.Random,
    looks: tuple[str, str, str, str],
    placed: list[SceneObject],
    options: SceneOptions,
) -> SceneObject | None:
    color, shape, size, texture = looks
    unit = options.unit
    radius = unit * between(rng, *SIZES[size])
    angle = between(rng, -MAX_TURN, MAX_TURN)
    border = radius * REACH[shape] + 1
    right, bottom = options.width - 1 - border, options.height - 1 - border
    for _ in range(PLACE_TRIES):
        if placed and rng.random() < NEIGHBOR_SHARE:
            other = pick(rng, placed)
            turn = between(rng, 0, 2 * math.pi)
            reach = between(rng, 0.7, 1.1) * (radius + other.radius)
            x = other.x + reach * math.cos(turn)
            y = other.y + reach * math.sin(turn)
            if not (border <= x <= right and border <= y <= bottom):
                continue
        else:
            x, y = between(rng, border, right), between(rng, border, bottom)
        new = SceneObject(color, shape, size, texture, x, y, radius, angle)
        if all(_apart(new, other, unit) for other in placed):
            return new
    return None


def _apart(first: SceneObject, second: SceneObject, unit: float) -> bool:
    """Whether neither shape covers too much of the other, judged by their circles."""
    near, far = sorted((first.radius, second.radius))
    least = far + 0.35 * near
    if first.color == second.color:
        reaches = first.radius * REACH[first.shape], second.radius * REACH[second.shape]
        least = sum(reaches) + SAME_COLOR_GAP * unit
    distance = math.hypot(first.x - second.x, first.y - second.y)
    return distance >= least


def _paint(
    key: SceneKey, shapes: list[SceneObject], options: SceneOptions
) -> Scene | None:
    owners = np.zeros((options.height, options.width), dtype=np.uint8)
    windows, whole = [], []
    for index, shape in enumerate(shapes):
        fill(
            owners,
            shape=shape.shape,
            center=(shape.x, shape.y),
            radius=shape.radius,
            angle=shape.angle,
            value=index + 1,
        )
        reach = shape.radius * REACH[shape.shape] + 2
        top, left = max(0, int(shape.y - reach)), max(0, int(shape.x - reach))
        window = owners[top : int(shape.y + reach) + 2, left : int(shape.x + reach) + 2]
        windows.append((top, left, window))
        whole.append(int(np.count_nonzero(window == index + 1)))
    objects = []
    for index, shape in enumerate(shapes):
        top, left, window = windows[index]
        visible = (window == index + 1).view(np.uint8)
        moments = cv2.moments(visible, binaryImage=True)
        area = int(moments["m00"])
        least = max(
            MIN_VISIBLE_SHARE * whole[index], MIN_VISIBLE_PIXELS * options.unit**2
        )
        if area < least:
            return None
        box_left, box_top, box_width, box_height = cv2.boundingRect(visible)
        center = left + moments["m10"] / area, top + moments["m01"] / area
        box = left + box_left, top + box_top, box_width, box_height
        objects.append(shape._replace(center=center, area=area, box=box))
    return Scene(key, options.height, options.width, tuple(objects), owners)
