"""Paints a scene: textured shapes on a textured background."""

from __future__ import annotations

import colorsys
import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .attributes import COLORS, REFERENCE_SIDE
from .random_stream import Stream

if TYPE_CHECKING:
    from .scene import Scene, SceneObject

# Backgrounds are dull, so that they never compete with the colour of a shape.
BACKGROUND_SATURATION = 0.14
BACKGROUND_VALUE = (0.2, 0.8)
# Brightness of the dark parts of a texture: dark enough to be seen, light enough to
# leave the colour what it is.
DARK = 0.58
TEXTURE_PERIOD = 6.0
LIGHT_CHANGE = 0.12
NOISE = 7


def render(scene: Scene) -> np.ndarray:
    """Paint a scene.

    Args:
        scene: The scene.

    Returns:
        The picture, ``(H, W, 3)`` uint8 in BGR order.
    """
    rng = scene.key.generator(Stream.PIXELS)
    shape = scene.height, scene.width
    colors = np.zeros((len(scene.objects) + 1, 3), dtype=np.float32)
    shading = _blotches(rng, shape, channels=1, amount=LIGHT_CHANGE) + 1
    for index, entry in enumerate(scene.objects):
        colors[index + 1] = COLORS[entry.color][::-1]
        colors[index + 1] *= rng.uniform(0.9, 1.0)
        _shade_texture(rng, scene, index, shading)
    picture = _background(rng, shape)
    covered = scene.owners > 0
    picture[covered] = colors[scene.owners[covered]]
    picture *= shading[..., None]
    picture += rng.integers(-NOISE, NOISE + 1, size=picture.shape, dtype=np.int8)
    painted: np.ndarray = np.clip(picture, 0, 255, out=picture).astype(np.uint8)
    return painted


def _blotches(
    rng: np.random.Generator, shape: tuple[int, int], *, channels: int, amount: float
) -> np.ndarray:
    """Noise of low frequency between plus and minus ``amount``."""
    coarse = rng.uniform(-amount, amount, size=(5, 5, channels)).astype(np.float32)
    smooth: np.ndarray = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return smooth


def _background(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A gradient between two dull colours, with blotches, ``(H, W, 3)`` float32."""
    height, width = shape
    ends = [
        colorsys.hsv_to_rgb(
            rng.random(),
            BACKGROUND_SATURATION * rng.random(),
            rng.uniform(*BACKGROUND_VALUE),
        )
        for _ in range(2)
    ]
    start, end = (255 * np.asarray(color, dtype=np.float32) for color in ends)
    angle = rng.uniform(0, 2 * math.pi)
    rows = np.linspace(-0.5, 0.5, height, dtype=np.float32) * math.sin(angle)
    columns = np.linspace(-0.5, 0.5, width, dtype=np.float32) * math.cos(angle)
    mix = 0.5 + (rows[:, None] + columns) / math.sqrt(2)
    picture: np.ndarray = start + mix[..., None] * (end - start)
    picture += _blotches(rng, shape, channels=3, amount=rng.uniform(4, 16))
    return picture


def _shade_texture(
    rng: np.random.Generator, scene: Scene, index: int, shading: np.ndarray
) -> None:
    """Darken the stripes or dots of a shape in the map of brightness."""
    entry = scene.objects[index]
    if entry.texture == "plain":
        return
    left, top, width, height = entry.box
    window = slice(top, top + height), slice(left, left + width)
    dark = _pattern(rng, scene, entry) & (scene.owners[window] == index + 1)
    shading[window][dark] *= DARK


def _pattern(rng: np.random.Generator, scene: Scene, entry: SceneObject) -> np.ndarray:
    """Where the texture is dark, in the box of the shape."""
    period = TEXTURE_PERIOD * max(1.0, min(scene.height, scene.width) / REFERENCE_SIDE)
    left, top, width, height = entry.box
    angle = rng.uniform(0, math.pi) if entry.texture == "striped" else entry.angle
    cosine, sine = math.cos(angle) / period, math.sin(angle) / period
    rows = (np.arange(top, top + height) - entry.y)[:, None]
    columns = np.arange(left, left + width) - entry.x
    across = columns * cosine + rows * sine
    if entry.texture == "striped":
        striped: np.ndarray = across % 1 < 0.45
        return striped
    along = rows * cosine - columns * sine
    offset_x, offset_y = across % 1 - 0.5, along % 1 - 0.5
    dotted: np.ndarray = offset_x**2 + offset_y**2 < 0.3**2
    return dotted
