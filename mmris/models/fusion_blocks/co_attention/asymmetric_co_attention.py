"""Asymmetric co-attention: all places with the few cells of a pyramid.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Eqs. (6)-(8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmris.models.layers import (
    at_least_float32,
    cell_means,
    is_exporting,
    no_autocast,
    pointwise,
)
from mmris.registry import MODELS

from .co_attention import CoAttention

if TYPE_CHECKING:
    from collections.abc import Sequence


@MODELS.register_module()
class AsymmetricCoAttention(CoAttention):
    r"""Co-attention of all places with means over the cells of a pyramid.

    For both maps :math:`x \in \{M, L\}`, with :math:`\phi` batch normalisation and ReLU
    and ``pool`` the means over S = 1 + 9 + 36 + 64 cells,

    .. math::
        k_x = \mathrm{pool}(\phi(W^k_x x)), \quad q_x = \phi(W^q_x x), \quad
        v_x = \mathrm{pool}(W^v_x x + b^v_x), \\
        A = \mathrm{softmax}_S(d^{-1/2} (q_m^\top k_m + q_l^\top k_l)), \qquad
        \tilde x = W^o_x (A v_x) + b^o_x

    This is one attention of P queries over S keys. Means commute with linear maps, so
    that values are pooled first and projected after; the weights of a place add up to
    1, so that the output projection acts on the S values instead of P places. The
    numbers are the same. Scores and softmax are in float32 also under autocast.

    Args:
        channels: ``C``, channels of M and L; from the block.
        attention_channels: ``d``, channels of queries, keys and values; 256 in the
            paper.
        pool_sizes: Cells along an axis of each step of the pyramid; bins overlap where
            a map is not divisible.
        affinity_norm: Whether there are :math:`\phi` and the factor :math:`d^{-1/2}`.
            The printed equations have neither; then A starts so flat that with the
            paper's SGD it stays so.

    Deviations: :math:`\phi`, the factor and the output projection are the released
    code's, for the reason above. Keys have no bias: it is lost in the normalisation or
    in the softmax.
    """

    def __init__(
        self,
        *,
        channels: int,
        attention_channels: int = 256,
        pool_sizes: Sequence[int] = (1, 3, 6, 8),
        affinity_norm: bool = True,
    ) -> None:
        super().__init__(channels=channels)
        if not pool_sizes or min(pool_sizes) < 1:
            raise ValueError(
                f"pool_sizes is {tuple(pool_sizes)}; give at least one positive number "
                "of cells in model.neck.block.co_attention.pool_sizes"
            )
        self.pool_sizes = tuple(pool_sizes)
        self.scale = attention_channels**-0.5 if affinity_norm else 1.0
        self.multimodal = _Stream(channels, attention_channels, affinity_norm)
        self.language = _Stream(channels, attention_channels, affinity_norm)

    def forward(self, multimodal: Tensor, language: Tensor) -> Tensor:
        """Attend.

        Args:
            multimodal: M, ``(N, C, H, W)``, at least float32.
            language: L, ``(N, C, H, W)``, at least float32.

        Returns:
            What was gathered of M and of L, ``(N, 2 C, H, W)``.
        """
        scores, values = [], []
        for stream, maps in (
            (self.multimodal, multimodal),
            (self.language, language),
        ):
            pooled = pyramid_means(maps, self.pool_sizes)  # (N, C, S)
            values.append(stream.values(pooled))
            keys = at_least_float32(stream.keys(maps, pooled, self.pool_sizes))
            queries = at_least_float32(stream.queries(maps))  # (N, d, P)
            with no_autocast(keys):
                scores.append((self.scale * keys).transpose(1, 2) @ queries)
        shares = self.shares(scores[0] + scores[1])
        gathered = torch.cat(values, dim=1) @ shares  # (N, 2 C, P)
        rows, _, height, width = multimodal.shape
        return gathered.view(rows, self.out_channels, height, width)

    def shares(self, scores: Tensor) -> Tensor:
        """How much each place takes of each cell of the pyramid.

        Args:
            scores: How well they fit, by M and by L together, ``(N, S, P)``.

        Returns:
            ``(N, S, P)``, which sums to 1 over the cells.
        """
        return torch.softmax(scores, dim=1)


class _Stream(nn.Module):
    """The maps of one of the two inputs.

    Args:
        channels: ``C``.
        attention_channels: ``d``.
        affinity_norm: Whether keys and queries are normalised and cut off below zero.
    """

    def __init__(
        self, channels: int, attention_channels: int, affinity_norm: bool
    ) -> None:
        super().__init__()

        def projection(*, bias: bool) -> nn.Conv2d:
            return nn.Conv2d(channels, attention_channels, kernel_size=1, bias=bias)

        def norm() -> nn.BatchNorm2d | None:
            return nn.BatchNorm2d(attention_channels) if affinity_norm else None

        self.key = projection(bias=False)
        self.key_norm = norm()
        self.query = projection(bias=not affinity_norm)
        self.query_norm = norm()
        self.value = projection(bias=True)
        self.output = nn.Conv2d(attention_channels, channels, kernel_size=1)

    def keys(self, maps: Tensor, pooled: Tensor, pool_sizes: Sequence[int]) -> Tensor:
        """``(N, d, S)`` of ``maps (N, C, H, W)`` or of their means ``(N, C, S)``."""
        if self.key_norm is None:
            return pointwise(pooled, self.key.weight.flatten(1))
        return pyramid_means(torch.relu_(self.key_norm(self.key(maps))), pool_sizes)

    def queries(self, maps: Tensor) -> Tensor:
        """``(N, d, P)`` of ``maps (N, C, H, W)``."""
        queries: Tensor = self.query(maps)
        if self.query_norm is not None:
            queries = torch.relu_(self.query_norm(queries))
        return queries.flatten(2)

    def values(self, pooled: Tensor) -> Tensor:
        """``(N, C, S)`` through both layers, of means ``(N, C, S)``."""
        for layer in (self.value, self.output):
            pooled = pointwise(pooled, layer.weight.flatten(1), layer.bias)
        return pooled


def pyramid_means(maps: Tensor, pool_sizes: Sequence[int]) -> Tensor:
    """Means over the cells of grids laid over a map.

    Args:
        maps: ``(N, C, H, W)``.
        pool_sizes: Cells along an axis of each grid.

    Returns:
        ``(N, C, S)``, S the number of cells of all grids.
    """
    grids = [_means(maps, cells).flatten(2) for cells in pool_sizes]
    return torch.cat(grids, dim=2)


def _means(maps: Tensor, cells: int) -> Tensor:
    if is_exporting():
        return cell_means(maps, (cells, cells))
    return functional.adaptive_avg_pool2d(maps, cells)
