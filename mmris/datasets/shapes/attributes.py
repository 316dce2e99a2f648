"""What a shape can be: colour, form, size and texture; which pairs are kept back.

Colours are RGB, well apart in hue. Sizes are radii of the circle around a shape, in
pixels of a picture whose shorter side is ``REFERENCE_SIDE``; they scale with that side,
and their ranges leave gaps so that no size is doubtful.
"""

from __future__ import annotations

REFERENCE_SIDE = 96

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (222, 32, 36),
    "orange": (255, 136, 8),
    "yellow": (250, 226, 40),
    "green": (34, 168, 56),
    "cyan": (24, 214, 224),
    "blue": (32, 72, 228),
    "purple": (140, 44, 196),
    "pink": (255, 120, 196),
}
COLOR_NAMES = tuple(COLORS)

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring", "diamond")

# "medium" has no word: sentences speak of small and large shapes only.
SIZES: dict[str, tuple[float, float]] = {
    "small": (8.0, 9.0),
    "medium": (12.0, 13.5),
    "large": (17.0, 19.0),
}
SIZE_NAMES = tuple(SIZES)

TEXTURES = ("plain", "striped", "dotted")

# One shape for each colour, chosen so that every colour and every shape is seen in
# training with others: only the pair is new.
HELD_OUT_PAIRS: tuple[tuple[str, str], ...] = (
    ("red", "square"),
    ("orange", "cross"),
    ("yellow", "circle"),
    ("green", "star"),
    ("cyan", "diamond"),
    ("blue", "triangle"),
    ("purple", "ring"),
    ("pink", "square"),
)
