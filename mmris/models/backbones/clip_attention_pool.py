"""CLIP's attention pooling, kept as a map: every position asks all the others.

Papers: Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision" (CLIP), ICML 2021, https://arxiv.org/abs/2103.00020, Sec. 2.4; Wang et al.,
"CRIS: CLIP-Driven Referring Image Segmentation", CVPR 2022,
https://arxiv.org/abs/2111.15174, which keeps the map.

Shapes: B images, C channels of the map, P = H * W positions, g the side of the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn
from torch.nn import functional

from mmris.models.layers import at_least_float32

if TYPE_CHECKING:
    from typing import Any


class CLIPAttentionPool(nn.Module):
    r"""Attention among the positions of a map, with CLIP's weights, at any size.

    .. math::
        Z = X + \mathrm{bicubic}(\mathrm{positions}), \qquad
        Y = \mathrm{ReLU}\bigl(\mathrm{MHA}(Z, Z, Z) + \mathrm{BN}(W_r X)\bigr)

    The output projection of the attention leads into the space that CLIP's images and
    sentences share. The branch :math:`W_r` is new, CLIP has no weights for it.

    Args:
        in_channels: ``C``.
        out_channels: ``C_o``, channels of the space shared with the sentences.
        num_heads: Heads, a divisor of C.
        grid_size: ``g``, height and width of the maps that CLIP was trained with.
        norm_cfg: Config of the normalisation of the new branch.

    Deviations: CLIP asks with the mean over the positions alone, which gives one vector
    an image. Here each position asks, as in CRIS, and neither the mean nor its row of
    the table of positions exists.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        num_heads: int,
        grid_size: int,
        norm_cfg: dict[str, Any],
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.grid_size = grid_size
        self.positional_embedding = nn.Parameter(
            torch.randn(grid_size**2, in_channels) * in_channels**-0.5
        )
        self.q_proj = nn.Linear(in_channels, in_channels)
        self.k_proj = nn.Linear(in_channels, in_channels)
        self.v_proj = nn.Linear(in_channels, in_channels)
        self.c_proj = nn.Linear(in_channels, out_channels)
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.c_proj):
            nn.init.normal_(projection.weight, std=in_channels**-0.5)
            nn.init.zeros_(projection.bias)
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            build_norm_layer(norm_cfg, out_channels)[1],
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Pool.

        Args:
            maps: ``(B, C, H, W)``.

        Returns:
            ``(B, C_o, H, W)``.
        """
        batch, _, height, width = maps.shape
        tokens = maps + self.positions(height, width)
        tokens = tokens.flatten(2).transpose(1, 2)  # (B, P, C)
        query, key, value = (
            projection(tokens)
            .view(batch, height * width, self.num_heads, -1)
            .transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )  # (B, heads, P, C / heads)
        gathered = functional.scaled_dot_product_attention(query, key, value)
        pooled = self.c_proj(gathered.transpose(1, 2).flatten(2))  # (B, P, C_o)
        pooled = pooled.transpose(1, 2).reshape(batch, -1, height, width)
        return functional.relu(pooled + self.residual(maps))

    def positions(self, height: int, width: int) -> Tensor:
        """The table of positions at the size of a map.

        Args:
            height: ``H``.
            width: ``W``.

        Returns:
            ``(1, C, H, W)``; the table itself where that is its size.
        """
        table = at_least_float32(self.positional_embedding).transpose(0, 1)
        # At the table's own size the weights are exactly 0 and 1: no case of its own.
        return functional.interpolate(
            table.reshape(1, -1, self.grid_size, self.grid_size),
            (height, width),
            mode="bicubic",
            align_corners=False,
        )
