"""Logits after each step of decoding from the coarsest level down to the finest.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Fig. 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mmris.models.layers import conv_block

from ._top_down_laterals import width_below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class MaskScores(nn.Module):
    """The prediction, and the coarser masks that are compared in training only.

    Args:
        channels: Widths of the laterals of L levels, finest first.

    Attributes:
        names: ``mask_2`` to ``mask_{L-1}``, what :meth:`coarser` gives.
    """

    def __init__(self, *, channels: Sequence[int]) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels[0], 1, kernel_size=3, padding=1)
        levels = range(1, len(channels) - 1)
        self.names = tuple(f"mask_{level + 1}" for level in levels)
        self.blocks = nn.ModuleList(
            score_block(width_below(channels, level), width_below(channels, level - 1))
            for level in levels
        )

    def forward(self, features: Tensor) -> Tensor:
        """The prediction.

        Args:
            features: :math:`S_1`, ``(N, channels[0], H_1, W_1)``.

        Returns:
            Logits ``(N, 1, H_1, W_1)``.
        """
        logits: Tensor = self.score(features)
        return logits

    def coarser(self, maps: Sequence[Tensor]) -> dict[str, Tensor]:
        """The masks of all steps but the last.

        Args:
            maps: :math:`S_2` to :math:`S_{L-1}`.

        Returns:
            Logits by name, each at the size of its map.
        """
        return {
            name: block(features)
            for name, block, features in zip(self.names, self.blocks, maps, strict=True)
        }


def score_block(in_channels: int, channels: int) -> nn.Module:
    """A block, and one logit a position.

    Args:
        in_channels: Channels in.
        channels: Channels in between.

    Returns:
        ``(N, in_channels, H, W)`` to ``(N, 1, H, W)``.
    """
    return nn.Sequential(
        conv_block(in_channels, channels, kernel_size=3, activation=nn.PReLU()),
        nn.Conv2d(channels, 1, kernel_size=1, bias=False),
    )
