"""The residual block of CLIP's ResNets.

Paper: Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision" (CLIP), ICML 2021, https://arxiv.org/abs/2103.00020, Sec. 2.4.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn

if TYPE_CHECKING:
    from typing import Any

EXPANSION = 4


class CLIPBottleneck(BaseModule):
    """Bottleneck without strided convolutions: average pooling makes maps smaller.

    It pools after the 3x3 convolution and before the shortcut's 1x1 convolution. Odd
    sizes are rounded down.

    Args:
        in_channels: Channels of the input.
        channels: Channels inside; the output has four times as many.
        stride: How many times smaller the output is.
        norm_cfg: Config of the normalisations.
    """

    expansion = EXPANSION

    def __init__(
        self,
        *,
        in_channels: int,
        channels: int,
        stride: int,
        norm_cfg: dict[str, Any],
    ) -> None:
        # Random weights start as CLIP's did: each block is its shortcut.
        super().__init__(
            init_cfg={"type": "Constant", "val": 0, "override": {"name": "bn3"}}
        )
        out_channels = channels * EXPANSION

        def norm(width: int) -> nn.Module:
            module: nn.Module = build_norm_layer(norm_cfg, width)[1]
            return module

        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = norm(channels)
        self.pool = nn.AvgPool2d(stride)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = norm(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                OrderedDict(
                    {
                        "pool": nn.AvgPool2d(stride),
                        "0": nn.Conv2d(in_channels, out_channels, 1, bias=False),
                        "1": norm(out_channels),
                    }
                )
            )

    def forward(self, maps: Tensor) -> Tensor:
        """One block.

        Args:
            maps: ``(B, in_channels, H, W)``.

        Returns:
            ``(B, 4 * channels, H // stride, W // stride)``.
        """
        inner = self.relu(self.bn1(self.conv1(maps)))
        inner = self.pool(self.relu(self.bn2(self.conv2(inner))))
        result: Tensor = self.relu(self.bn3(self.conv3(inner)) + self.downsample(maps))
        return result
