"""What the papers print for the rows of a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mmris.utils.model_index import read_model_index

if TYPE_CHECKING:
    from mmris.utils.model_index import Score

    from .definition import Study


class Published(NamedTuple):
    """A number of a paper.

    Attributes:
        score: It.
        gain: How much it is above that of the row that it shall be better than; None
            where there is no such row, or no number of the same kind.
    """

    score: Score
    gain: float | None


def published_scores(study: Study) -> dict[str, Published]:
    """Numbers of the papers, by row.

    Of several, the first that the row which it shall be better than has as well is
    taken, so that both are of one metric and split; else the first. A row that changes
    more than its study does is none of a paper's.

    Args:
        study: The study; what its ``paper`` names is the dataset.

    Returns:
        Nothing for a row that no paper has.
    """
    if study.paper is None:
        return {}
    found = {
        model.name: [
            score
            for result in model.results
            if (result.source, result.dataset) == ("paper", study.paper)
            for score in result.scores
        ]
        for model in read_model_index()
    }
    scores = {
        row.name: found.get(Path(row.config).stem, [])
        for row in study.rows
        if row.as_published
    }
    published = {}
    for row in study.rows:
        own, other = scores.get(row.name, []), scores.get(row.against or "", [])
        common = [
            Published(one, one.value - two.value)
            for one in own
            for two in other
            if (one.metric, one.split) == (two.metric, two.split)
        ]
        alone = [Published(score, None) for score in own]
        if own:
            published[row.name] = [*common, *alone][0]
    return published
