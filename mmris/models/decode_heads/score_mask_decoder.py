"""One convolution to one logit.

Paper: Ye et al., "Cross-Modal Self-Attention Network for Referring Image
Segmentation", CVPR 2019, https://arxiv.org/abs/1904.04745, section "Gated
Multi-Level Fusion".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.model import xavier_init
from torch import nn

from mmris.registry import MODELS

from .level_parts import MaskDecoder

if TYPE_CHECKING:
    from torch import Tensor


@MODELS.register_module()
class ScoreMaskDecoder(MaskDecoder):
    """A 3x3 convolution to one logit, at the size of the map.

    Args:
        in_channels: Channels of the map; from the head.
    """

    def __init__(self, *, in_channels: int) -> None:
        super().__init__(in_channels=in_channels)
        self.score = nn.Conv2d(in_channels, 1, kernel_size=3, padding=1)
        xavier_init(self.score, distribution="uniform")  # as in the released code

    def forward(self, features: Tensor) -> Tensor:
        """Decode.

        Args:
            features: ``(N, in_channels, H, W)``.

        Returns:
            Logits ``(N, 1, H, W)``.
        """
        logits: Tensor = self.score(features)
        return logits
