"""Heat maps of an answer: the probability, and what the model looked at.

Nothing is computed before somebody asks for it, and of each answer only the last
explanation is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmris.explanation import explain, list_kinds
from mmris.explanation.figures import query_point
from mmris.explanation.kinds import KINDS

if TYPE_CHECKING:
    import numpy as np

    from mmris.apis import RefSegInferencer
    from mmris.explanation import Explanation, ExplanationMap
    from mmris.models import RefSegmentor

    from .maps import ProbabilityMaps

HIGHEST = "highest"
PROBABILITY = "probability"
GRAD_CAM = "grad_cam"
_LONGEST_LABEL = 48


@dataclass(frozen=True)
class HeatMap:
    """A map to be laid over a picture.

    Attributes:
        values: ``(h, w)`` from 0 to 1, where 1 is the hottest colour.
        top: What the number is there, with its unit.
        meaning: What a number says, a sentence.
        point: Row and column in the picture of the place that looks, if one does.
    """

    values: np.ndarray
    top: str
    meaning: str
    point: tuple[float, float] | None = None


@dataclass(frozen=True)
class MapChoice:
    """Which map is looked at.

    Attributes:
        kind: :data:`HIGHEST`, :data:`PROBABILITY` or a kind of map that the model has.
        expression: Number of the expression; that of all of them has none.
        place: Where in the model, such as ``level_0``.
        item: Number of the word or item.
        point: Row and column in the picture of the place that looks; None for the
            most probable one of the mask.
    """

    kind: str = HIGHEST
    expression: int = 0
    place: str = ""
    item: int = 0
    point: tuple[float, float] | None = None


def offered_maps(model: RefSegmentor) -> dict[str, str]:
    """Which heat maps a model has.

    Args:
        model: Any model.

    Returns:
        Titles by kind; probabilities come first, Grad-CAM last.
    """
    kinds = [kind for kind in list_kinds(model) if KINDS[kind].of_places]
    return {
        HIGHEST: "Probability, all expressions",
        PROBABILITY: "Probability",
        **{kind: KINDS[kind].title for kind in kinds},
        GRAD_CAM: f"{KINDS[GRAD_CAM].title} of the fused features",
    }


class HeatMaps:
    """The heat maps of one answer of one model, of which one is looked at.

    Args:
        inferencer: The model.
        maps: Its answer.
    """

    def __init__(self, inferencer: RefSegInferencer, maps: ProbabilityMaps) -> None:
        self.inferencer = inferencer
        self.maps = maps
        self.offered = offered_maps(inferencer.model)
        self.choice = MapChoice()
        self._found: Explanation | None = None
        self._found_for: tuple[str, int] | None = None

    def choose(self, kind: str, expression: int) -> MapChoice:
        """The choice of a kind and an expression, as far as they exist.

        Args:
            kind: A key of :attr:`offered`; others are taken for :data:`HIGHEST`.
            expression: Number of the expression; others are taken for the first.
        """
        known = 0 <= expression < len(self.maps.expressions)
        return MapChoice(
            kind if kind in self.offered else HIGHEST, expression if known else 0
        )

    def must_ask(self, choice: MapChoice) -> bool:
        """Whether the model has to be asked for a choice.

        Args:
            choice: The choice.
        """
        return not _is_probability(choice) and self._found_for != (
            choice.kind,
            choice.expression,
        )

    def look(self, choice: MapChoice) -> None:
        """Look at a kind of map; the model is asked where that is needed.

        Args:
            choice: Kind and expression, of :meth:`choose`.
        """
        if self.must_ask(choice):
            is_cam = choice.kind == GRAD_CAM
            (self._found,) = explain(
                self.inferencer.model,
                self.maps.picture,
                [self.maps.expressions[choice.expression]],
                kinds=[] if is_cam else [choice.kind],
                layers=["neck"] if is_cam else [],
                channel_order="rgb",
            )
            self._found_for = (choice.kind, choice.expression)
        self.choice = choice
        self.show(None, None)

    def show(self, place: str | None, item: int | None) -> None:
        """Look at another place or item of the same kind; no model is asked.

        Args:
            place: Such as ``level_0``; the first for one that is not there.
            item: Number of the word or item; None for the one whose numbers differ
                most from place to place.
        """
        entries = self._entries()
        if not entries:
            return
        found = [entry for entry in entries if entry.place == place] or entries
        entry = found[0]
        labels = _labels(entry)
        if item is None or not 0 <= item < len(labels):
            item = int(_parts(entry).std(axis=(1, 2)).argmax()) if labels else 0
        self.choice = replace(self.choice, place=entry.place, item=item)

    def point_at(self, row: float, column: float) -> bool:
        """Let another place look, if places look in this map.

        Args:
            row: In the picture, in pixels.
            column: In the picture, in pixels.

        Returns:
            Whether there is anything to draw anew.
        """
        entry = self._entry()
        if entry is None or not entry.has_query_places:
            return False
        height, width = self.maps.picture.shape[:2]
        point = (min(max(row, 0), height - 1), min(max(column, 0), width - 1))
        self.choice = replace(self.choice, point=point)
        return True

    @property
    def expressions(self) -> list[tuple[str, int]]:
        """Labels and numbers of the expressions."""
        return [
            (_short(f"{number}. {text}"), number - 1)
            for number, text in enumerate(self.maps.expressions, start=1)
        ]

    @property
    def places(self) -> list[tuple[str, str]]:
        """Labels and names of the places in the model that have this map."""
        return [
            (entry.place.replace("_", " ").capitalize(), entry.place)
            for entry in self._entries()
        ]

    @property
    def items(self) -> list[tuple[str, int]]:
        """Labels and numbers of the words or items of the map."""
        entry = self._entry()
        labels = () if entry is None else _labels(entry)
        return [(_short(label), number) for number, label in enumerate(labels)]

    def heat_map(self) -> HeatMap:
        """The map that is looked at."""
        entry, found = self._entry(), self._found
        if entry is None or found is None or entry.size is None:
            return self._probability()
        kind = KINDS[entry.kind]
        point: tuple[float, float] | None = None
        if entry.has_query_places:
            point = query_point(found, self.choice.point)
            values = entry.values[found.cell_of(point, entry.size)]
            top = values.max()
        else:
            values = _parts(entry)[self.choice.item]
            # Words and items share a range of colours, so that they can be compared.
            top = entry.values.max()
        top = 1.0 if kind.ends_at_one else float(top)
        share = found.on_picture(values) / (top if top > 0 else 1.0)
        number = f"{100 * top:.3g} %" if kind.in_percent else f"{top:.3g}"
        meaning = entry.meaning
        if point is not None:
            meaning += " Click the picture to choose the place that looks."
        return HeatMap(share, f"{number} {kind.unit}", meaning, point)

    def _probability(self) -> HeatMap:
        every = self.maps.probabilities
        if self.choice.kind == HIGHEST:
            meaning = "Highest probability of any expression."
            return HeatMap(every.max(axis=0), "1", meaning)
        meaning = "Probability of being inside the mask."
        return HeatMap(every[self.choice.expression], "1", meaning)

    def _entries(self) -> list[ExplanationMap]:
        """The maps of the chosen kind."""
        if self._found is None or _is_probability(self.choice):
            return []
        return [
            entry
            for entry in self._found.maps.values()
            if entry.kind == self.choice.kind
        ]

    def _entry(self) -> ExplanationMap | None:
        entries = self._entries()
        for entry in entries:
            if entry.place == self.choice.place:
                return entry
        return entries[0] if entries else None


def _is_probability(choice: MapChoice) -> bool:
    return choice.kind in (HIGHEST, PROBABILITY)


def _labels(entry: ExplanationMap) -> tuple[str, ...]:
    """Of what the map has a picture of each."""
    return {"word": entry.words, "item": entry.items}.get(entry.axes[0], ())


def _parts(entry: ExplanationMap) -> np.ndarray:
    """``(I, H, W)``, one of a map without words and items."""
    return entry.values.reshape(-1, *entry.values.shape[-2:])


def _short(text: str) -> str:
    if len(text) <= _LONGEST_LABEL:
        return text
    return f"{text[: _LONGEST_LABEL - 1].rstrip()}\u2026"
