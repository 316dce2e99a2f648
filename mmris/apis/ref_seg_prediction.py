"""What inference gives for one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class RefSegPrediction:
    """Masks of the K expressions of one picture, ``(h, w)`` being its own size.

    Attributes:
        expressions: K strings, as given.
        masks: ``(K, h, w)`` bool, True where the expression's object is seen.
        scores: ``(K,)`` float32. The score of an expression is the mean probability
            (sigmoid of the logit, at the picture's own size) over the pixels of its
            mask, so it lies between the threshold of the mask and 1; that of an empty
            mask is 0. It says how sure the model is of the pixels that it chose, not
            whether the object is there.
        logits: ``(K, h, w)`` float32 before the sigmoid, or None if not asked for.
    """

    expressions: list[str]
    masks: np.ndarray
    scores: np.ndarray
    logits: np.ndarray | None = None
