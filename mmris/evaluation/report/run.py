"""What a report is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmris.evaluation.prediction_file import Predictions
    from mmris.evaluation.rescoring import ScoreTable


@dataclass(frozen=True)
class Run:
    """Predictions and what they scored.

    Attributes:
        name: How the page calls them.
        predictions: The masks.
        table: Their counts.
    """

    name: str
    predictions: Predictions
    table: ScoreTable
