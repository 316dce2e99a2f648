"""Softmax attention of all words of an expression, by one exponential of each score.

Paper of the attention: Ye et al., CVPR 2019, see CrossModalAttentionBlock.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Power of the smallest number of a type that the sum of a row may come down to: what it
# has lost by then, products too small for the type, is far below rounding.
_SMALLEST_SUM = 2 / 3


class Factors(NamedTuple):
    """Exponentials of scores and offsets, each row shifted by its own maximum.

    Attributes:
        scores: ``(N, Q, K)``, from 0 to 1.
        offsets: ``(N, T, K)``, from 0 to 1.
        sums: Over the keys, of the product of both, ``(N, Q, T)``.
    """

    scores: Tensor
    offsets: Tensor
    sums: Tensor


def factor(scores: Tensor, offsets: Tensor) -> Factors | None:
    r"""Split the exponentials of ``scores + offsets``, if that is exact.

    A query's scores and a word's offsets may have their maxima at keys so far apart
    that nothing is left of the product of their exponentials. Of features of unit
    length that is rare: the maxima would have to be apart by 58 in float32.

    Args:
        scores: ``(N, Q, K)`` for Q queries and K keys; minus infinity hides a key.
        offsets: ``(N, T, K)``, what word t adds to the scores of all queries.

    Returns:
        The factors, None if the product of a row is too small to be exact.
    """
    with torch.no_grad():
        of_scores = (scores - scores.amax(dim=-1, keepdim=True)).exp_()
        of_offsets = (offsets - offsets.amax(dim=-1, keepdim=True)).exp_()
        sums = of_scores @ of_offsets.transpose(1, 2)
        least = torch.finfo(sums.dtype).tiny ** _SMALLEST_SUM
        # Shapes without values stand for the usual case: their work is counted.
        if not sums.is_meta and not bool((sums > least).all()):  # nor where one is NaN
            return None
    return Factors(of_scores, of_offsets, sums)


def factored_attention(
    scores: Tensor, offsets: Tensor, weights: Tensor, factors: Factors
) -> Tensor:
    r"""Weighted mean over words of the attention that each word leads to.

    With :math:`E_{qk} = e^{s_q(k)}`, :math:`O_{tk} = e^{o_t(k)}` and
    :math:`Z = E O^\top`,

    .. math::
        \bar\alpha_q(k) = \sum_t w_t \frac{E_{qk} O_{tk}}{Z_{qt}}
            = E_{qk} \, \bigl((w / Z) \, O\bigr)_{qk}

    so that two products of matrices with T in the middle take the place of T softmaxes.

    Args:
        scores: ``(N, Q, K)``.
        offsets: ``(N, T, K)``.
        weights: ``(N, T)``, not differentiated.
        factors: What :func:`factor` makes of scores and offsets.

    Returns:
        ``(N, Q, K)``.
    """
    averaged: Tensor = _FactoredAttention.apply(scores, offsets, weights, *factors)
    return averaged


class _FactoredAttention(torch.autograd.Function):
    """Keeps the exponentials alone, where autograd would keep their product as well."""

    @staticmethod
    def forward(
        scores: Tensor,
        offsets: Tensor,
        weights: Tensor,
        exps: Tensor,
        word_exps: Tensor,
        sums: Tensor,
    ) -> Tensor:
        return (weights[:, None] / sums) @ word_exps * exps

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[2:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weights, exps, word_exps, sums = ctx.saved_tensors
        shares = weights[:, None] / sums  # (N, Q, T)
        to_product = grad * exps
        to_sums = -(to_product @ word_exps.transpose(1, 2)) * shares / sums
        to_words = shares.transpose(1, 2) @ to_product + to_sums.transpose(1, 2) @ exps
        to_exps = (shares @ word_exps).mul_(grad).baddbmm_(to_sums, word_exps)
        return to_exps.mul_(exps), to_words.mul_(word_exps), None, None, None, None
