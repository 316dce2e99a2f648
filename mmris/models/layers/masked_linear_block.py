"""Linear map, batch normalisation, ReLU: what CEFNet sends words and sentences through.

Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring Image
Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839; the paper does not print
this part, its released code has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from .masked_batch_norm import MaskedBatchNorm

if TYPE_CHECKING:
    from torch import Tensor


class MaskedLinearBlock(nn.Module):
    """A linear map without bias, normalised over the valid places, then ReLU.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        # The normalisation that follows removes any bias.
        self.linear = nn.Linear(in_channels, out_channels, bias=False)
        self.norm = MaskedBatchNorm(out_channels)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Map, normalise, cut off below zero.

        Args:
            features: ``(..., in_channels)``; what stands in the padding has no effect.
            mask: ``(...)`` bool, True on valid places.

        Returns:
            ``(..., out_channels)`` in float32 or longer, zero on padding.
        """
        # Before the product: the gradient of its weight sees what stands there.
        features = features.masked_fill(~mask[..., None], 0.0)
        return torch.relu(self.norm(self.linear(features), mask))
