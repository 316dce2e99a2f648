"""How a fused map and the map that it was made from become one again.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, where the fused map
goes back into the encoder. Below, E is the level and F what a fusion block made of it,
and l2 scales each place to length 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from mmengine.model import BaseModule

from mmris.models.layers import at_least_float32, unit_length
from mmris.registry import MODELS

if TYPE_CHECKING:
    from torch import Tensor


class Reinjection(BaseModule, ABC):
    """Joins a level and its fused map."""

    @abstractmethod
    def forward(self, level: Tensor, fused: Tensor) -> Tensor:
        """Join.

        Args:
            level: E, ``(N, C, H, W)``.
            fused: F, ``(N, C, H, W)``.

        Returns:
            ``(N, C, H, W)``.
        """


@MODELS.register_module()
class UnitReinjection(Reinjection):
    r"""Both at unit length: :math:`E' = \mathrm{l2}(E) + \mathrm{l2}(F)`.

    Words and picture count the same, and the result is one or two orders of magnitude
    smaller than what the next stage of a pretrained backbone has seen: its batch
    normalisations have to be trained, with enough images in a batch. For frozen ones
    there is :class:`KeepScaleReinjection`.

    Deviations: the paper normalises F alone; E as well is the released code's. See
    :class:`UnitFusedReinjection`.
    """

    def forward(self, level: Tensor, fused: Tensor) -> Tensor:
        """Join.

        Args:
            level: E, ``(N, C, H, W)``.
            fused: F, ``(N, C, H, W)``.

        Returns:
            ``(N, C, H, W)``, in float32 or longer.
        """
        return unit_length(level, dim=1) + unit_length(fused, dim=1)


@MODELS.register_module()
class KeepScaleReinjection(Reinjection):
    r"""The unit sum at the level's own scale: :math:`E' = E + \|E\| \mathrm{l2}(F)`.

    The norm is that of each place, taken as a constant in training. The next stage sees
    numbers of the size that it was trained on: for frozen normalisations and small
    batches.

    Deviations: no paper's; :class:`UnitReinjection` times :math:`\|E\|`.
    """

    def forward(self, level: Tensor, fused: Tensor) -> Tensor:
        """Join.

        Args:
            level: E, ``(N, C, H, W)``.
            fused: F, ``(N, C, H, W)``.

        Returns:
            ``(N, C, H, W)``, in float32 or longer.
        """
        level = at_least_float32(level)
        norm: Tensor = torch.linalg.vector_norm(level.detach(), dim=1, keepdim=True)
        return level + norm * unit_length(fused, dim=1)


@MODELS.register_module()
class UnitFusedReinjection(Reinjection):
    r"""Only the fused map at unit length: :math:`E' = E + \mathrm{l2}(F)`.

    As the paper's text has it. Beside the level of a pretrained backbone, whose places
    have norms of some tens, the words nearly vanish.
    """

    def forward(self, level: Tensor, fused: Tensor) -> Tensor:
        """Join.

        Args:
            level: E, ``(N, C, H, W)``.
            fused: F, ``(N, C, H, W)``.

        Returns:
            ``(N, C, H, W)``, in float32 or longer.
        """
        return at_least_float32(level) + unit_length(fused, dim=1)
