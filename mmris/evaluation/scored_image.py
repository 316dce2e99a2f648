"""What is known of one picture when its masks are compared: the input of a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from pycocotools import mask as coco_mask

from mmris.models.layers import resize_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from .ground_truth import TrueSentence
    from .mask_runs import MaskRuns
    from .network_frame import NetworkFrame


@dataclass(frozen=True)
class ScoredImage:
    """Truth and prediction of K sentences of a picture.

    Attributes:
        size: Height and width of the picture on disk.
        truth: The K sentences with their true masks.
        predicted: The K stored masks, at the original size.
        logits: ``(K, h, w)``, the decode head's maps of the whole input, or None where
            only masks were stored.
        frame: Where the picture lies in the network's input; None without logits.
    """

    size: tuple[int, int]
    truth: tuple[TrueSentence, ...]
    predicted: tuple[MaskRuns, ...]
    logits: Tensor | None = None
    frame: NetworkFrame | None = None

    @cached_property
    def true_masks(self) -> np.ndarray:
        """``(K, H, W)`` bool at the original size."""
        decoded = {}
        for entry in self.truth:
            key = id(entry.encoding)
            if key not in decoded:
                decoded[key] = coco_mask.decode(entry.encoding).astype(bool)
        return np.stack([decoded[id(entry.encoding)] for entry in self.truth])

    def maps(self) -> tuple[Tensor, NetworkFrame]:
        """The logits ``(K, 1, h, w)`` and their frame.

        Raises:
            ValueError: Only masks were stored.
        """
        if self.logits is None or self.frame is None:
            raise ValueError(
                "these predictions have masks and no soft scores, from which alone "
                "masks at another threshold or size are made. Write them with "
                "tools/test.py --out FILE --soft-scores"
            )
        return self.logits[:, None], self.frame

    def content_maps(self) -> Tensor:
        """The logits of the picture alone, ``(K, 1, h, w)``: padding is cut off."""
        logits, frame = self.maps()
        if frame.is_filled:
            return logits
        return frame.cut(resize_to(logits, frame.input_size))


def decode_runs(runs: Sequence[MaskRuns]) -> Tensor:
    """Pixels of masks.

    Args:
        runs: K masks of one size.

    Returns:
        ``(K, h, w)`` bool.
    """
    masks = []
    for entry in runs:
        height, width = entry.size
        lengths = np.diff(entry.ends, prepend=0)
        values = np.arange(len(lengths)) % 2 == 1
        masks.append(np.repeat(values, lengths).reshape(width, height).T)
    return torch.from_numpy(np.stack(masks))
