"""Reads a sentence about a generated scene and finds which object it means.

Written from the documented meaning of the words, with plain loops over masks; nothing
of the package's grammar or semantics is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

COLORS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring", "diamond")
SIZES = {"small": "small", "little": "small", "large": "large", "big": "large"}
TEXTURES = {
    "plain": "plain",
    "striped": "striped",
    "stripes": "striped",
    "dotted": "dotted",
    "dots": "dotted",
}
SIDES = ("left", "right", "top", "bottom", "middle", "center")
SUPERLATIVES = {
    "largest": "largest",
    "biggest": "largest",
    "smallest": "smallest",
    "leftmost": "left",
    "rightmost": "right",
    "topmost": "top",
    "highest": "top",
    "lowest": "bottom",
}
RELATION = re.compile(
    r"^(?P<noun>.+?) (?:to the )?"
    r"(?P<word>left of|right of|above|higher than|below|under) the (?P<landmark>.+)$"
)
DIRECTIONS = {
    "left of": (-1, 0),
    "right of": (1, 0),
    "above": (0, -1),
    "higher than": (0, -1),
    "below": (0, 1),
    "under": (0, 1),
}
FILLERS = {"the", "shape", "object", "one", "with", "on", "at", "in", "side", "corner"}


@dataclass
class SeenObject:
    color: str
    shape: str
    size: str
    texture: str
    radius: float
    mask: np.ndarray

    def __post_init__(self):
        rows, columns = np.nonzero(self.mask)
        self.x, self.y = columns.mean(), rows.mean()
        self.area = len(rows)
        self.left, self.right = columns.min(), columns.max()
        self.top, self.bottom = rows.min(), rows.max()


def visible_objects(scene):
    return [
        SeenObject(
            entry.color,
            entry.shape,
            entry.size,
            entry.texture,
            entry.radius,
            scene.owners == number,
        )
        for number, entry in enumerate(scene.objects, start=1)
    ]


def which_objects(text, objects, image_size):
    """Numbers of the objects it is true of, and of those one could argue about."""
    relation = RELATION.match(text)
    if relation:
        return _related(relation, objects, image_size)
    words = text.split()
    true, doubtful = _having(words, objects)
    superlatives = [SUPERLATIVES[word] for word in words if word in SUPERLATIVES]
    places = [word for word in words if word in SIDES]
    if superlatives:
        assert not places
        return _extreme(superlatives, true, doubtful, objects, image_size)
    for place in places:
        true, doubtful = _at(place, true, doubtful, objects, image_size)
    return true, doubtful


def _having(words, objects):
    known = {*COLORS, *SHAPES, *SIZES, *TEXTURES, *SIDES, *SUPERLATIVES, *FILLERS}
    assert set(words) <= known, set(words) - known
    true, doubtful = [], []
    for number, entry in enumerate(objects):
        fits = all(
            (word not in COLORS or word == entry.color)
            and (word not in SHAPES or word == entry.shape)
            and (word not in SIZES or SIZES[word] == entry.size)
            for word in words
        )
        textures = [TEXTURES[word] for word in words if word in TEXTURES]
        if fits and textures and entry.size == "small":
            doubtful.append(number)
        elif fits and all(texture == entry.texture for texture in textures):
            true.append(number)
    return true, doubtful


def _at(place, true, doubtful, objects, image_size):
    height, width = image_size
    still_true, still_doubtful = [], []
    for number in true + doubtful:
        x = (objects[number].x + 0.5) / width
        y = (objects[number].y + 0.5) / height
        if place in ("middle", "center"):
            away = max(abs(x - 0.5), abs(y - 0.5))
            inside, outside = away <= 0.13, away >= 0.25
        else:
            away = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y}[place]
            inside, outside = away <= 0.38, away >= 0.52
        if inside and number in true:
            still_true.append(number)
        elif not outside:
            still_doubtful.append(number)
    return still_true, still_doubtful


def _extreme(superlatives, true, doubtful, objects, image_size):
    assert len(superlatives) == 1
    if doubtful or len(true) < 2:
        return [], true + doubtful
    height, width = image_size
    for number in true:
        first = objects[number]
        clear = []
        for other in true:
            second = objects[other]
            if other != number:
                clear.append(
                    {
                        "largest": first.radius >= 1.25 * second.radius
                        and first.area >= 1.25 * second.area,
                        "smallest": second.radius >= 1.25 * first.radius
                        and second.area >= 1.25 * first.area,
                        "left": second.x - first.x >= 0.08 * width
                        and first.left < second.left,
                        "right": first.x - second.x >= 0.08 * width
                        and first.right > second.right,
                        "top": second.y - first.y >= 0.08 * height
                        and first.top < second.top,
                        "bottom": first.y - second.y >= 0.08 * height
                        and first.bottom > second.bottom,
                    }[superlatives[0]]
                )
        if all(clear):
            return [number], []
    return [], true


def _related(relation, objects, image_size):
    landmarks, unclear = _having(relation["landmark"].split(), objects)
    if len(landmarks) != 1 or unclear:
        return [], landmarks + unclear
    landmark = objects[landmarks[0]]
    step_x, step_y = DIRECTIONS[relation["word"]]
    true, doubtful = [], []
    having, having_doubtful = _having(relation["noun"].split(), objects)
    for number in having + having_doubtful:
        if number == landmarks[0]:
            continue
        x, y = objects[number].x - landmark.x, objects[number].y - landmark.y
        along = x * step_x + y * step_y
        across = abs(x * step_y) + abs(y * step_x)
        clearly = along >= 0.1 * min(image_size) and along >= 1.5 * across
        if clearly and number in having:
            true.append(number)
        elif along > 0 and across < 2 * along:
            doubtful.append(number)
    return true, doubtful
