"""A map seen through windows and at several distances, times the map seen closely.

Paper: Huang and Satoh, "Referring Image Segmentation via Joint Mask Contextual
Embedding Learning and Progressive Alignment Network", EMNLP 2023,
https://aclanthology.org/2023.emnlp-main.481/ (LSRAN).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmris.models.layers import leaky_block
from mmris.registry import MODELS

from ._aspp import dilated_look
from ._window_attention import WindowAttention

if TYPE_CHECKING:
    from collections.abc import Sequence


@MODELS.register_module()
class LongShortRangeAttention(BaseModule):
    r"""JMCELN's LSRAN, which makes the first map of the cascade.

    With the map F, a window attention WA, batch normalisation and a leaky ReLU sigma,

    .. math::
        R_k = \sigma(\mathrm{Conv}_k(\mathrm{WA}(F))), \qquad
        F_0 = \mathrm{BN}(\mathrm{Conv}_{3 \times 3}(F))
            \odot \sigma(\mathrm{Conv}_{1 \times 1}([R_1; \ldots; R_K]))

    where :math:`\mathrm{Conv}_k` is a 1x1 convolution for a dilation of 1 and otherwise
    a dilated 3x3 one, each with C / K channels.

    Args:
        channels: ``C``, of the map and of the result; from the cascade.
        window_size: Side of a window, in positions.
        num_heads: Heads of the window attention, a divisor of C.
        dilations: One a branch; their number is a divisor of C.

    Raises:
        ValueError: ``channels`` is not a multiple of the number of heads or branches,
            or there is no branch or no window.

    Deviations: the paper leaves window and dilations to a figure, and says nothing
    about normalisations. One attention serves all branches, without shift and without
    feed-forward part, normalised before and added to the map, with a learned bias for
    each relative position; the dilations are those of the branches of DeepLab's pyramid
    without pooling. The batch normalisation of the first factor has no activation after
    it, so that the product may change its sign; without that normalisation the map is
    so small that the first stage of :class:`ProgressiveAlignmentNetwork`, a product of
    four linear maps, has little effect. Keys of the attention have biases that the
    softmax loses.

    Example:
        >>> import torch
        >>> from mmris.models import LongShortRangeAttention
        >>> part = LongShortRangeAttention(channels=16, window_size=4, num_heads=2)
        >>> part(torch.rand(2, 16, 5, 9)).shape
        torch.Size([2, 16, 5, 9])
    """

    def __init__(
        self,
        *,
        channels: int,
        window_size: int = 13,
        num_heads: int = 8,
        dilations: Sequence[int] = (1, 6, 12, 18),
    ) -> None:
        super().__init__()
        _check(channels, window_size, num_heads, dilations)
        self.window_attention = WindowAttention(
            channels=channels, window_size=window_size, num_heads=num_heads
        )
        self.branches = nn.ModuleList(
            leaky_block(
                channels,
                channels // len(dilations),
                kernel_size=1 if dilation == 1 else 3,
                dilation=dilation,
            )
            for dilation in dilations
        )
        self.mix = leaky_block(channels, channels)
        self.close = ConvModule(
            channels, channels, 3, padding=1, norm_cfg={"type": "BN"}, act_cfg=None
        )

    def forward(self, features: Tensor) -> Tensor:
        """Look far and close.

        Args:
            features: ``(N, C, H, W)``.

        Returns:
            ``(N, C, H, W)``.
        """
        attended = self.window_attention(features)
        looks = [dilated_look(branch, attended) for branch in self.branches]
        mixed: Tensor = self.mix(torch.cat(looks, dim=1))
        close: Tensor = self.close(features)
        return close * mixed


def _check(
    channels: int, window_size: int, num_heads: int, dilations: Sequence[int]
) -> None:
    part = "LongShortRangeAttention of model.decode_head"
    if window_size < 1 or not dilations or min(dilations) < 1:
        raise ValueError(
            f"{part} has window_size {window_size} and dilations {tuple(dilations)}; "
            "give a positive window and at least one positive dilation"
        )
    if num_heads < 1 or channels % num_heads or channels % len(dilations):
        raise ValueError(
            f"{part} gets {channels} channels from model.neck; make them a multiple of "
            f"its num_heads, {num_heads}, and of its number of dilations, "
            f"{len(dilations)}"
        )
