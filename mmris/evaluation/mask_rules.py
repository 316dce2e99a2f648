"""How projects make masks of what a network gives, and at which size they compare.

Each rule counts the pixels of a picture's predicted and true masks. Rules that need the
network's own maps work from soft scores; a mask that was stored cannot answer them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch.nn import functional

from mmris.models.layers import resize_to

from .mask_counts import MaskCounts, count_masks

if TYPE_CHECKING:
    from torch import Tensor

    from .network_frame import NetworkFrame
    from .scored_image import ScoredImage


class MaskRule(Protocol):
    """Counts the pixels of a picture's masks.

    Attributes:
        needs_soft_scores: Whether stored masks cannot answer it.
    """

    @property
    def needs_soft_scores(self) -> bool:
        """Whether stored masks cannot answer it."""

    def count(self, image: ScoredImage) -> MaskCounts:
        """Count.

        Args:
            image: K sentences.

        Returns:
            K counts.
        """


@dataclass(frozen=True)
class StoredMaskRule:
    """The masks that were stored, at the original size."""

    needs_soft_scores: bool = False

    def count(self, image: ScoredImage) -> MaskCounts:
        """Count without making pixels.

        Args:
            image: K sentences.
        """
        pairs = list(zip(image.predicted, image.truth, strict=True))
        return MaskCounts.of(
            [mask.intersection(entry.runs) for mask, entry in pairs],
            [mask.area for mask, _ in pairs],
            [entry.runs.area for _, entry in pairs],
        )


@dataclass(frozen=True)
class NetworkInputRule:
    """Compared at the size of the network's input, to which the truth is resized.

    The picture is squashed or padded there as the network saw it, and a pixel of a
    large photograph weighs less than one of a small photograph.

    Attributes:
        align_corners: How the logits are resized bilinearly to that size; the mask is
            where they are above 0.
    """

    align_corners: bool
    needs_soft_scores: bool = True

    def count(self, image: ScoredImage) -> MaskCounts:
        """Count at the size of the input.

        Args:
            image: K sentences.
        """
        logits, frame = image.maps()
        maps = _bilinear(logits, frame.input_size, align_corners=self.align_corners)
        return count_masks(maps[:, 0] > 0, frame.place(image.true_masks))


@dataclass(frozen=True)
class BicubicRule:
    """Probabilities resized bicubically to the original size.

    The logits are brought to the size of the input bilinearly; corners are aligned both
    times.

    Attributes:
        threshold: Probability above which a pixel belongs to the mask.
    """

    threshold: float
    needs_soft_scores: bool = True

    def count(self, image: ScoredImage) -> MaskCounts:
        """Count at the original size.

        Args:
            image: K sentences.
        """
        logits, frame = image.maps()
        maps = frame.cut(_bilinear(logits, frame.input_size, align_corners=True))
        maps = functional.interpolate(
            maps.sigmoid(), image.size, mode="bicubic", align_corners=True
        )
        truth = torch.from_numpy(image.true_masks)
        return count_masks(maps[:, 0] > self.threshold, truth)


@dataclass(frozen=True)
class WarpedRule:
    """Probabilities brought to the original size by a bicubic warp.

    They are resized bicubically to the size of the input, corners aligned. The warp
    then takes corner to corner and scales, without half a pixel's shift for the centres
    of pixels: masks move by up to half a pixel to the upper left.

    Attributes:
        threshold: Probability above which a pixel belongs to the mask.
    """

    threshold: float
    needs_soft_scores: bool = True

    def count(self, image: ScoredImage) -> MaskCounts:
        """Count at the original size.

        Args:
            image: K sentences.
        """
        logits, frame = image.maps()
        maps = functional.interpolate(
            logits.sigmoid(), frame.input_size, mode="bicubic", align_corners=True
        )
        maps = warp_back(maps, frame, image.size)
        truth = torch.from_numpy(image.true_masks)
        return count_masks(maps[:, 0] > self.threshold, truth)


def warp_back(maps: Tensor, frame: NetworkFrame, size: tuple[int, int]) -> Tensor:
    """Sample maps at input size where an affine warp puts the pixels of the picture.

    Args:
        maps: ``(K, C, *input_size)``; 0 beyond their edges.
        frame: Where the picture lies in them.
        size: Height and width of the picture.

    Returns:
        ``(K, C, *size)``.
    """
    top, left, height, width = frame.content_box
    rows = top + torch.arange(size[0]) * (height / size[0])
    columns = left + torch.arange(size[1]) * (width / size[1])
    # In PyTorch's units: the outer edges of the map lie at -1 and 1.
    y = (2 * rows + 1) / frame.input_size[0] - 1
    x = (2 * columns + 1) / frame.input_size[1] - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).to(maps)
    return functional.grid_sample(
        maps,
        grid.expand(len(maps), -1, -1, -1),
        mode="bicubic",
        padding_mode="zeros",
        align_corners=False,
    )


@dataclass(frozen=True)
class DilatingRule:
    """A mask made at the size of the input, then resized: it grows.

    The logits are cut at (nearly) 0, the binary map is resized bilinearly to the
    original size, and every pixel that is not 0 afterwards counts. Where the picture is
    larger than the input the mask grows by up to one pixel of the input all round.

    Attributes:
        logit: From which on a pixel of the input belongs to the mask.
    """

    logit: float = 1e-9
    needs_soft_scores: bool = True

    def count(self, image: ScoredImage) -> MaskCounts:
        """Count at the original size.

        Args:
            image: K sentences.
        """
        logits, frame = image.maps()
        binary = (resize_to(logits, frame.input_size) >= self.logit).float()
        grown = resize_to(frame.cut(binary), image.size)
        return count_masks(grown[:, 0] > 0, torch.from_numpy(image.true_masks))


@dataclass(frozen=True)
class SmallGridRule:
    """Compared on a small square grid, where the true mask has grown.

    The true mask is squashed bilinearly to the grid, and every pixel above 0 belongs to
    it.

    Attributes:
        side: Pixels of the grid along each side.
        threshold: Probability above which a pixel belongs to the predicted mask.
    """

    side: int
    threshold: float
    needs_soft_scores: bool = True

    def count(self, image: ScoredImage) -> MaskCounts:
        """Count on the grid.

        Args:
            image: K sentences.
        """
        grid = self.side, self.side
        maps = _bilinear(image.content_maps(), grid, align_corners=True)
        truth = torch.from_numpy(image.true_masks)[:, None].float()
        truth = _bilinear(truth, grid, align_corners=True)
        limit = math.log(self.threshold / (1 - self.threshold))
        return count_masks(maps[:, 0] > limit, truth[:, 0] > 0)


def _bilinear(maps: Tensor, size: tuple[int, int], *, align_corners: bool) -> Tensor:
    return functional.interpolate(
        maps, size, mode="bilinear", align_corners=align_corners
    )
