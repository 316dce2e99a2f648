"""Atrous spatial pyramid pooling: one map looked at with several dilations.

Paper: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation",
2017, https://arxiv.org/abs/1706.05587, Sec. 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.aspp_head import ASPPModule
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence


class ASPP(nn.Module):
    """A 1x1 convolution, dilated 3x3 ones, and global pooling, mixed by a 1x1 one.

    Each is followed by batch normalisation and ReLU. The branches are mmseg's; along an
    axis on which a dilation is at least the size of the map, the outer taps meet
    nothing but padding, and only the middle one is computed: exactly the same numbers.

    Args:
        in_channels: Channels of the map.
        channels: Channels of each branch and of the result.
        dilations: Of the branches; 1 is the 1x1 convolution.
        dropout: Share of the result's channels dropped in training.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        dilations: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        norm, activation = {"type": "BN"}, {"type": "ReLU"}
        self.branches = ASPPModule(
            dilations, in_channels, channels, None, norm, activation
        )
        self.pooled = ConvModule(in_channels, channels, 1, norm_cfg=norm)
        self.mix = ConvModule(
            (len(dilations) + 1) * channels, channels, 1, norm_cfg=norm
        )
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Look.

        Args:
            features: ``(N, in_channels, H, W)``.

        Returns:
            ``(N, channels, H, W)``.

        Raises:
            ValueError: One expression alone in training: after the pooling there is a
                single value a channel, which batch normalisation would turn into 0.
        """
        if (
            self.training
            and len(features) == 1
            and isinstance(self.pooled.norm, nn.BatchNorm2d)
        ):
            raise ValueError(
                "a training batch of one expression has no statistics after ASPP's "
                "global pooling. Raise train_dataloader.batch_size, or set "
                "sync_bn='torch', which shares statistics among processes"
            )
        pooled = self.pooled(features.mean(dim=(2, 3), keepdim=True))
        looks = [dilated_look(branch, features) for branch in self.branches]
        looks.append(pooled.expand(-1, -1, *features.shape[-2:]))
        mixed: Tensor = self.dropout(self.mix(torch.cat(looks, dim=1)))
        return mixed


def dilated_look(branch: ConvModule, features: Tensor) -> Tensor:
    """A branch without the taps that lie outside the map everywhere.

    Args:
        branch: mmcv's convolution, normalisation and activation; the kernel is of size
            1 or 3, and the padding keeps the size of the map.
        features: ``(N, C_in, H, W)``.

    Returns:
        What the whole branch would give, ``(N, C_out, H, W)``.
    """
    conv = branch.conv
    weight, padding = conv.weight, list(conv.padding)
    for axis, length in enumerate(features.shape[-2:]):
        if conv.kernel_size[axis] == 3 and conv.dilation[axis] >= length:
            weight = weight.narrow(2 + axis, 1, 1)
            padding[axis] = 0
    seen = functional.conv2d(features, weight, padding=padding, dilation=conv.dilation)
    result: Tensor = branch.activate(branch.norm(seen))
    return result
