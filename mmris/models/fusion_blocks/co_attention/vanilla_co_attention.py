"""Vanilla co-attention: all places of one map with all places of the other.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Eqs. (3)-(5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mmris.models.layers import no_autocast
from mmris.registry import MODELS

from .co_attention import CoAttention
from .memory_free_attention import memory_free_attention

if TYPE_CHECKING:
    from torch import Tensor

# Of the normal distribution that all kernels start from, as in the released code.
_INITIAL_STD = 0.01


@MODELS.register_module()
class VanillaCoAttention(CoAttention):
    r"""Co-attention through the affinity of all pairs of places.

    .. math::
        A = (W_m M)^\top W_l L, \qquad
        \tilde M_i = \sum_j \mathrm{softmax}_j(A_{ij}) M_j, \qquad
        \tilde L_j = \sum_i \mathrm{softmax}_i(A_{ij}) L_i

    and a 3x3 convolution of each. The two sums are two attentions whose queries and
    keys change places. Up to ``explicit_positions`` places A is made once and serves
    both, which is faster; above, neither A nor a softmax of it ever exists, and memory
    grows with P instead of P x P. The numbers are the same. Affinity and softmax are in
    float32 also under autocast: nothing bounds them.

    Args:
        channels: ``C``, channels of M and L; from the block.
        attention_channels: Channels in which places are compared; 256 in the paper.
        affinity_norm: Whether :math:`W_m M` and :math:`W_l L` are batch normalised and
            A is divided by the square root of ``attention_channels``. The equations
            have neither, so that A starts with a spread of 0.002 and both sums as plain
            means over the map; with the paper's SGD it takes thousands of iterations
            until they are not. Use it for short schedules.
        pre_conv: Whether the 3x3 convolutions are there.
        explicit_positions: Largest P for which the P x P matrix is made.

    Deviations: none from the equations. The 3x3 convolutions, which the paper does not
    print, and the initialisation are the released code's. That code takes each softmax
    over the other axis, so that the weights of a sum do not add up to 1: not built.
    """

    def __init__(
        self,
        *,
        channels: int,
        attention_channels: int = 256,
        affinity_norm: bool = False,
        pre_conv: bool = True,
        explicit_positions: int = 2500,
    ) -> None:
        super().__init__(channels=channels)
        self.explicit_positions = explicit_positions
        self.scale = attention_channels**-0.5 if affinity_norm else 1.0

        def comparison() -> nn.Module:
            kernel = nn.Conv2d(channels, attention_channels, kernel_size=1, bias=False)
            nn.init.normal_(kernel.weight, std=_INITIAL_STD)
            if affinity_norm:
                return nn.Sequential(kernel, nn.BatchNorm2d(attention_channels))
            return kernel

        def mixing() -> nn.Module:
            if not pre_conv:
                return nn.Identity()
            kernel = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
            nn.init.normal_(kernel.weight, std=_INITIAL_STD)
            return kernel

        self.multimodal_comparison = comparison()
        self.language_comparison = comparison()
        self.multimodal_mixing = mixing()
        self.language_mixing = mixing()

    def forward(self, multimodal: Tensor, language: Tensor) -> Tensor:
        """Attend.

        Args:
            multimodal: M, ``(N, C, H, W)``, at least float32.
            language: L, ``(N, C, H, W)``, at least float32.

        Returns:
            What was gathered of M and of L, ``(N, 2 C, H, W)``.
        """
        with no_autocast(multimodal):
            query, key, affinity = self._compare(multimodal, language)
            seen = self._gather(query, key, affinity, multimodal)  # Eq. (4)
        # One after the other: what the first has needed is free for the second.
        seen = self.multimodal_mixing(seen)
        with no_autocast(multimodal):
            if affinity is not None:
                affinity = affinity.transpose(1, 2)
            said = self._gather(key, query, affinity, language)  # Eq. (5)
        said = self.language_mixing(said)
        return torch.cat([seen, said], dim=1)

    def shares(self, multimodal: Tensor, language: Tensor) -> tuple[Tensor, Tensor]:
        """The weights with which both maps are summed, for people to look at.

        What is gathered is linear in the maps. So these are what the attention of
        :meth:`forward` gathers of maps that are unit vectors.

        Args:
            multimodal: M, ``(N, C, H, W)``, at least float32.
            language: L, ``(N, C, H, W)``, at least float32.

        Returns:
            How much place i takes of place j of M, and how much place j takes of place
            i of L, ``(N, P, P)`` each; rows sum to 1.
        """
        rows, _, height, width = multimodal.shape
        each = torch.eye(height * width).to(multimodal)
        each = each.view(-1, height, width).expand(rows, -1, -1, -1)
        with no_autocast(multimodal):
            query, key, affinity = self._compare(multimodal, language)
            seen = self._gather(query, key, affinity, each)  # (N, P of values, H, W)
            flipped = None if affinity is None else affinity.mT
            said = self._gather(key, query, flipped, each)
        return seen.flatten(2).transpose(1, 2), said.flatten(2).transpose(1, 2)

    def _compare(
        self, multimodal: Tensor, language: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Both maps as they are compared, and A where it is made."""
        query = self.multimodal_comparison(multimodal).flatten(2)  # (N, d, P)
        key = self.language_comparison(language).flatten(2)
        if query.shape[2] > self.explicit_positions:
            return query, key, None
        return query, key, self.scale * (query.transpose(1, 2) @ key)  # Eq. (3)

    def _gather(
        self, query: Tensor, key: Tensor, affinity: Tensor | None, maps: Tensor
    ) -> Tensor:
        """Sums over a map, by the softmax of an affinity that need not be made.

        Args:
            query: ``(N, d, P)``.
            key: ``(N, d, P)``.
            affinity: Theirs, ``(N, P, P)``, or None to do without.
            maps: What is summed, ``(N, C, H, W)``.

        Returns:
            ``(N, C, H, W)``.
        """
        values = maps.flatten(2)
        if affinity is None:
            gathered = memory_free_attention(query, key, values, scale=self.scale)
        else:
            gathered = values @ torch.softmax(affinity, dim=2).transpose(1, 2)
        return gathered.reshape(maps.shape)
