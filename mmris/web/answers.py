"""What a model answered, with its name and the heat maps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .drawing import HEAT_MAP, View, draw_view, legend_html
from .limits import RefusedError

if TYPE_CHECKING:
    import numpy as np

    from .heat_maps import HeatMaps
    from .maps import ProbabilityMaps


@dataclass(frozen=True)
class Answer:
    """The answer of one model.

    Attributes:
        name: Of the model.
        maps: The picture, the expressions and their probabilities.
        heat: The heat maps.
    """

    name: str
    maps: ProbabilityMaps
    heat: HeatMaps

    def drawn(
        self, view: View, *, threshold: float, opacity: float
    ) -> tuple[np.ndarray, str]:
        """Picture and legend; no model is asked.

        Args:
            view: What is drawn.
            threshold: Probability above which a pixel is inside.
            opacity: Of masks and heat maps, from 0 to 1.
        """
        heat = self.heat.heat_map() if view == HEAT_MAP else None
        maps = self.maps
        return (
            draw_view(maps, view, threshold=threshold, opacity=opacity, heat=heat),
            legend_html(maps, view, name=self.name, threshold=threshold, heat=heat),
        )


def answer_at(answers: list[Answer] | None, number: int) -> Answer:
    """One of the answers of a session.

    Args:
        answers: As they were kept; None or empty once they are forgotten.
        number: From 0.

    Raises:
        RefusedError: It is not there any more.
    """
    if not answers or number >= len(answers):
        raise RefusedError("This answer is no longer kept. Please press Find again.")
    return answers[number]
