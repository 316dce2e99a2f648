"""Levels side by side, mixed to one, and the sentence beside the result.

Shapes: N expressions, C channels of the mixed levels, C_t of a word.
Paper: Jain and Gandhi, "Comprehensive Multi-Modal Interactions for Referring Image
Segmentation", Findings of ACL 2022, https://arxiv.org/abs/2104.10412, Table 2,
"Baseline".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mmris.models.layers import masked_mean, resize_to
from mmris.registry import MODELS

from .level_parts import LevelAggregation

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec


@MODELS.register_module()
class ConcatAggregation(LevelAggregation):
    r"""A 1x1 convolution of all levels, and the mean word at every place.

    With the levels :math:`f_i` and the mean :math:`\bar l` of the words that belong to
    the finest one,

    .. math::
        Y = [W [f_1; \dots; f_L] + b;\; \mathrm{tile}(\bar l)]

    so that what follows sees image and words side by side. For levels that no word has
    touched this is plain concatenation, late.

    Args:
        in_features: What comes in; from the head.
        channels: ``C``; 512 in SHNet.

    Deviations: the paper says that its baseline concatenates the features of image and
    sentence. It does not say how the three levels become one: the convolution is a
    choice. Coarser levels are resized bilinearly to the finest.
    """

    def __init__(self, *, in_features: FusedSpec, channels: int) -> None:
        super().__init__(in_features=in_features)
        self.channels = channels
        self.mix = nn.Conv2d(sum(in_features.channels), channels, kernel_size=1)

    @property
    def out_channels(self) -> int:
        """``C + C_t``."""
        return self.channels + self.in_features.text[0].token_channels

    def forward(self, fused: FusedFeatures) -> Tensor:
        """Aggregate.

        Args:
            fused: Levels of N expressions and their words.

        Returns:
            ``(N, C + C_t, H_0, W_0)``, at the size of the finest level.
        """
        size = fused.maps[0].shape[-2:]
        levels = [resize_to(level, size) for level in fused.expanded()]
        seen = self.mix(torch.cat(levels, dim=1))
        said = masked_mean(fused.text[0].tokens, fused.text[0].mask)  # (N, C_t)
        return torch.cat([seen, said[:, :, None, None].expand(-1, -1, *size)], dim=1)
