"""A scene: which shapes there are, where, and what is seen of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from .random_stream import SceneKey


class SceneObject(NamedTuple):
    """One shape of a scene.

    ``x``, ``y``, ``radius`` and ``angle`` say how it was drawn; ``center``, ``area``
    and ``box`` are measured on its visible pixels, after later shapes have covered it.

    Attributes:
        color: Name of the colour.
        shape: Name of the form.
        size: ``"small"``, ``"medium"`` or ``"large"``.
        texture: ``"plain"``, ``"striped"`` or ``"dotted"``.
        x: Column of the centre, in pixels.
        y: Row of the centre, in pixels.
        radius: In pixels.
        angle: Clockwise turn in radians.
        center: ``(x, y)``, centroid of the visible pixels.
        area: Number of visible pixels.
        box: ``(left, top, width, height)`` of the visible pixels.
    """

    color: str
    shape: str
    size: str
    texture: str
    x: float
    y: float
    radius: float
    angle: float
    center: tuple[float, float] = (0.0, 0.0)
    area: int = 0
    box: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True)
class Scene:
    """Shapes in the order they were painted, later ones on top.

    Attributes:
        key: What the scene was drawn from.
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.
        objects: The shapes.
        owners: ``(H, W)`` uint8; 0 is background, ``i + 1`` object ``i``.
    """

    key: SceneKey
    height: int
    width: int
    objects: tuple[SceneObject, ...]
    owners: np.ndarray = field(compare=False, repr=False)

    def mask(self, index: int) -> np.ndarray:
        """Visible pixels of an object, ``(H, W)`` bool.

        Args:
            index: Which object.
        """
        visible: np.ndarray = self.owners == index + 1
        return visible
