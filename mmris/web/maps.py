"""What one forward pass leaves behind, so that sliders need no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmris.apis import RefSegInferencer


@dataclass(frozen=True)
class ProbabilityMaps:
    """A picture and where each expression's object is.

    Attributes:
        picture: ``(h, w, 3)`` uint8 in RGB order.
        expressions: K strings.
        probabilities: ``(K, h, w)`` float16: half the memory, and exact enough for a
            threshold of two digits.
        threshold: That of the model's config.
    """

    picture: np.ndarray
    expressions: list[str]
    probabilities: np.ndarray
    threshold: float

    def masks(self, threshold: float) -> np.ndarray:
        """Masks, ``(K, h, w)`` bool.

        Args:
            threshold: Probability above which a pixel is inside.
        """
        inside: np.ndarray = self.probabilities > np.float16(threshold)
        return inside


def probability_maps(
    inferencer: RefSegInferencer, picture: np.ndarray, expressions: list[str]
) -> ProbabilityMaps:
    """Ask a model.

    Args:
        inferencer: The model.
        picture: ``(h, w, 3)`` uint8 in BGR order.
        expressions: K strings.
    """
    found = inferencer(picture, expressions, channel_order="bgr", with_logits=True)
    # e to the 15 is beyond any threshold, and does not overflow.
    logits = np.clip(np.asarray(found.logits), -15.0, 15.0)
    probabilities = (1.0 / (1.0 + np.exp(-logits))).astype(np.float16)
    return ProbabilityMaps(
        picture=np.ascontiguousarray(picture[..., ::-1]),
        expressions=expressions,
        probabilities=probabilities,
        threshold=inferencer.model.settings.threshold,
    )
