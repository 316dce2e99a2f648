"""Where decoding from the coarsest level down to the finest begins.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Fig. 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mmris.models.layers import conv_block

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec

# Of the finest level, in the released code; it doubles from level to level.
_FINEST_CHANNELS = 32


class TopDownLaterals(nn.Module):
    """One convolution a level, and a second one of the coarsest.

    Levels that have one row an image are convolved once an image.

    Args:
        in_channels: Channels of the levels, finest first.
        channels: Channels of their laterals.
    """

    def __init__(self, *, in_channels: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            conv_block(taken, given, kernel_size=3, activation=nn.PReLU())
            for taken, given in zip(in_channels, channels, strict=True)
        )
        self.top = conv_block(
            channels[-1], channels[-2], kernel_size=3, activation=nn.PReLU()
        )

    def forward(self, fused: FusedFeatures) -> tuple[list[Tensor], Tensor]:
        """Convolve.

        Args:
            fused: L levels of N expressions.

        Returns:
            The laterals :math:`D_1` to :math:`D_{L-1}`, with as many rows as their
            levels have, and :math:`S_L`, with N rows.
        """
        laterals = [
            lateral(level)
            for lateral, level in zip(self.levels, fused.maps, strict=True)
        ]
        top: Tensor = self.top(laterals.pop())
        index = index_of_rows(fused, len(laterals))
        return laterals, top if index is None else top[index]


def index_of_rows(fused: FusedFeatures, level: int) -> Tensor | None:
    """What expands that which is made of a level to one row an expression.

    Args:
        fused: The levels.
        level: Which one.

    Returns:
        The image of each expression, ``(N,)``, or None if the level has N rows already.
    """
    return fused.image_index if level in fused.per_image else None


def lateral_channels(
    in_features: FusedSpec, channels: Sequence[int] | None, head: str
) -> tuple[int, ...]:
    """The widths of the laterals, checked against the levels.

    Args:
        in_features: The levels.
        channels: Widths wanted, finest level first; None for 32, 64, 128 and so on.
        head: Class of the head, for messages.

    Returns:
        One width a level.

    Raises:
        ValueError: There is only one level, or not one width a level.
    """
    num_levels = len(in_features.levels)
    if num_levels < 2:
        raise ValueError(
            f"model.decode_head {head} goes down from level to level, but model.neck "
            "gives only one. Give it more by model.backbone.out_indices or "
            "model.neck.in_indices, or choose another head"
        )
    if channels is None:
        return tuple(_FINEST_CHANNELS * 2**level for level in range(num_levels))
    if len(channels) != num_levels:
        raise ValueError(
            f"model.decode_head {head} has channels {tuple(channels)}, but model.neck "
            f"gives {num_levels} levels. Give {num_levels} widths, finest level first, "
            "or leave model.decode_head.channels out"
        )
    return tuple(channels)


def width_below(channels: Sequence[int], level: int) -> int:
    """The width of the lateral one level finer, or of the finest at the end.

    Args:
        channels: Widths of the laterals, finest level first.
        level: From 0, the finest.
    """
    return channels[max(level - 1, 0)]
