"""A layer of CLIP's text transformer.

Paper: Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision" (CLIP), ICML 2021, https://arxiv.org/abs/2103.00020, Sec. 2.4.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

_SHARPNESS = 1.702
_MLP_RATIO = 4


class QuickGELU(nn.Module):
    """``x * sigmoid(1.702 x)``, which approximates GELU; CLIP was trained with it."""

    def forward(self, features: Tensor) -> Tensor:
        """Apply it.

        Args:
            features: Of any shape, which the result has too.
        """
        return features * torch.sigmoid(_SHARPNESS * features)


class CausalSelfAttention(nn.Module):
    """Multi-head attention in which a token sees itself and those before it.

    Args:
        channels: ``C``.
        num_heads: Heads, a divisor of C.
    """

    def __init__(self, channels: int, *, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend.

        Args:
            tokens: ``(N, T, C)``.

        Returns:
            ``(N, T, C)``.
        """
        rows, length, _ = tokens.shape
        query, key, value = (
            part.reshape(rows, length, self.num_heads, -1).transpose(1, 2)
            for part in self.in_proj(tokens).chunk(3, dim=-1)
        )  # (N, heads, T, C / heads)
        gathered = functional.scaled_dot_product_attention(
            query, key, value, is_causal=True
        )
        result: Tensor = self.out_proj(gathered.transpose(1, 2).flatten(2))
        return result


class CLIPTextLayer(nn.Module):
    """Attention, then two linear maps at each token, both normed first and added.

    Padding on the right needs no mask: no token sees those after it.

    Args:
        channels: ``C``.
        num_heads: Heads of the attention, a divisor of C.
        num_layers: Layers of the whole stack, which the first weights depend on.
    """

    def __init__(self, channels: int, *, num_heads: int, num_layers: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(channels)
        self.attn = CausalSelfAttention(channels, num_heads=num_heads)
        self.ln_2 = nn.LayerNorm(channels)
        widen = nn.Linear(channels, _MLP_RATIO * channels)
        narrow = nn.Linear(_MLP_RATIO * channels, channels)
        self.mlp = nn.Sequential(
            OrderedDict(c_fc=widen, gelu=QuickGELU(), c_proj=narrow)
        )
        into = channels**-0.5
        out = into * (2 * num_layers) ** -0.5  # their sum over all layers stays small
        for projection, deviation in (
            (self.attn.in_proj, into),
            (self.attn.out_proj, out),
            (widen, into * 2**-0.5),
            (narrow, out),
        ):
            nn.init.normal_(projection.weight, std=deviation)
            nn.init.zeros_(projection.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """One layer.

        Args:
            tokens: ``(N, T, C)``.

        Returns:
            ``(N, T, C)``.
        """
        tokens = tokens + self.attn(self.ln_1(tokens))
        result: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return result
