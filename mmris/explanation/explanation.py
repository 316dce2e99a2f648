"""What a model looked at for one expression, as arrays with names.

Shapes: h x w the picture, H x W a map, T words, I items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmris.models.segmentors import restore_logits

from .kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

# The axes that a map may have, in this order.
LAYOUTS = (
    ("word",),
    ("word", "item"),
    ("query_word", "word"),
    ("row", "column"),
    ("word", "row", "column"),
    ("item", "row", "column"),
    ("query_row", "query_column", "row", "column"),
)


@dataclass(frozen=True)
class ExplanationMap:
    """One map of numbers that a model computed on its way to a mask.

    Attributes:
        kind: Key of :data:`KINDS`.
        place: Where in the model: ``level_0`` is the finest level of a neck,
            ``stage_2`` a stage of a backbone or of a cascade; otherwise the name of a
            module.
        values: The numbers, float32.
        axes: What the axes of ``values`` are, one of :data:`LAYOUTS`. Rows and columns
            are those of the map: they cover the model's input, which
            :meth:`Explanation.on_picture` maps back to the picture. Query axes come
            first: what looks; the others are what it looks at.
        words: Labels of the axes of words, padding not among them.
        items: Labels of the axis of items.
        sums_over: Axes over which the numbers add up to 1; empty if they do not.
        module: The module that computed it, by its name in the model.
        note: What else should be said, such as how heads were averaged.
    """

    kind: str
    place: str
    values: np.ndarray
    axes: tuple[str, ...]
    words: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    sums_over: tuple[str, ...] = ()
    module: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        lengths = {"word": self.words, "query_word": self.words, "item": self.items}
        wanted = [len(lengths[axis]) if axis in lengths else None for axis in self.axes]
        shape = self.values.shape
        fits = len(wanted) == len(shape) and all(
            length in (None, found)
            for length, found in zip(wanted, shape, strict=False)
        )
        if self.axes not in LAYOUTS or not fits or self.kind not in KINDS:
            raise ValueError(
                f"map {self.name} has axes {self.axes} and shape {shape}, with "
                f"{len(self.words)} words and {len(self.items)} items"
            )

    @property
    def name(self) -> str:
        """Kind and place, such as ``word_attention/level_0``."""
        return f"{self.kind}/{self.place}"

    @property
    def title(self) -> str:
        """A heading, such as ``Attention to words, level 0``."""
        return f"{KINDS[self.kind].title}, {self.place.replace('_', ' ')}"

    @property
    def meaning(self) -> str:
        """What a number says, in a sentence."""
        meaning = KINDS[self.kind].meaning
        note = f"; {self.note}" if self.note else ""
        return f"{meaning[0].upper()}{meaning[1:]}{note}."

    @property
    def size(self) -> tuple[int, int] | None:
        """``(H, W)``, None of a map without places."""
        if self.axes[-1] != "column":
            return None
        return self.values.shape[-2], self.values.shape[-1]

    @property
    def has_query_places(self) -> bool:
        """Whether a place looks: the map has one picture for each."""
        return self.axes[0] == "query_row"


@dataclass(frozen=True)
class Explanation:
    """What a model looked at for one expression.

    Attributes:
        picture: ``(h, w, 3)`` uint8, RGB.
        expression: As given.
        words: What the text encoder made of it, in order, without padding.
        logits: Of the mask, ``(h, w)`` float32, before the sigmoid.
        mask: ``(h, w)`` bool.
        maps: By name, ``kind/place``.
        input_size: Height and width of the model's input.
        content_box: Top, left, height and width of the picture within the input.
    """

    picture: np.ndarray
    expression: str
    words: tuple[str, ...]
    logits: np.ndarray
    mask: np.ndarray
    maps: Mapping[str, ExplanationMap]
    input_size: tuple[int, int]
    content_box: tuple[int, int, int, int]

    def __getitem__(self, name: str) -> ExplanationMap:
        """A map by its name.

        Args:
            name: ``kind/place``, or the kind alone where there is one of it.

        Raises:
            KeyError: There is none, or several; the message lists what there is.
        """
        if name in self.maps:
            return self.maps[name]
        found = [entry for entry in self.maps.values() if entry.kind == name]
        if len(found) == 1:
            return found[0]
        reason = f"{len(found)} maps are called" if found else "no map is called"
        raise KeyError(f"{reason} {name!r}; there are {', '.join(self.maps) or 'none'}")

    @property
    def probability(self) -> np.ndarray:
        """The sigmoid of the logits, ``(h, w)`` float32."""
        return torch.from_numpy(self.logits).sigmoid().numpy()

    def on_picture(self, values: np.ndarray) -> np.ndarray:
        """Bring numbers of places to the picture, as the mask's logits are.

        Args:
            values: ``(..., H, W)``, covering the model's input.

        Returns:
            ``(..., h, w)`` float32, bilinear.
        """
        maps = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
        restored = restore_logits(
            maps.reshape(-1, 1, *values.shape[-2:]),
            input_size=self.input_size,
            content_box=self.content_box,
            original_size=self.mask.shape,
        )
        return restored.view(*values.shape[:-2], *self.mask.shape).numpy()

    def cell_of(
        self, point: tuple[float, float], size: tuple[int, int]
    ) -> tuple[int, int]:
        """The cell of a map that a point of the picture lies in.

        Args:
            point: Row and column in the picture, in pixels.
            size: ``(H, W)`` of the map.

        Returns:
            Row and column in the map.
        """
        top, left, height, width = self.content_box
        rows, columns = self.mask.shape
        inside = (
            (top + (point[0] + 0.5) / rows * height) / self.input_size[0],
            (left + (point[1] + 0.5) / columns * width) / self.input_size[1],
        )
        row, column = (
            min(max(int(share * cells), 0), cells - 1)
            for share, cells in zip(inside, size, strict=True)
        )
        return row, column

    def point_of(
        self, cell: tuple[int, int], size: tuple[int, int]
    ) -> tuple[float, float]:
        """The middle of a cell of a map, in the picture.

        Args:
            cell: Row and column in the map.
            size: ``(H, W)`` of the map.

        Returns:
            Row and column in the picture, in pixels; outside of it for a cell of the
            padding.
        """
        top, left, height, width = self.content_box
        rows, columns = self.mask.shape
        at_input = [
            (place + 0.5) / cells * length
            for place, cells, length in zip(cell, size, self.input_size, strict=True)
        ]
        return (
            (at_input[0] - top) / height * rows - 0.5,
            (at_input[1] - left) / width * columns - 0.5,
        )

    def arrays(self) -> dict[str, Any]:
        """Everything as arrays by name, as ``numpy.savez`` takes it."""
        arrays: dict[str, Any] = {
            "picture": self.picture,
            "expression": np.array(self.expression),
            "words": np.array(self.words, dtype=str),
            "logits": self.logits,
            "mask": self.mask,
            "input_size": np.array(self.input_size),
            "content_box": np.array(self.content_box),
        }
        for name, entry in self.maps.items():
            arrays[name] = entry.values
            arrays[f"{name}/axes"] = np.array(entry.axes)
            for label, texts in (("words", entry.words), ("items", entry.items)):
                if texts:
                    arrays[f"{name}/{label}"] = np.array(texts, dtype=str)
        return arrays
