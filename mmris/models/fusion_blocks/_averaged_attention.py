"""Softmax attention of all words of an expression, averaged before it is used.

Each word shifts the scores of all queries by the same row. The average of the T
attention maps is all that is wanted, so they are made one after another and summed:
never T maps at once, in the backward pass neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx


def averaged_attention(scores: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    r"""Weighted mean over words of the attention that each word leads to.

    .. math::
        \bar\alpha_q(k) = \sum_t w_t \,
            \frac{\exp(s_q(k) + o_t(k))}{\sum_{k'} \exp(s_q(k') + o_t(k'))}

    Each softmax is shifted by the maximum of its own row, so that scores of any size
    neither overflow nor leave a row without weight. Factoring the exponentials,
    :math:`e^{s} e^{o}`, would need less work but loses rows whose two maxima lie apart.

    Memory beyond the inputs: three maps of the size of ``scores`` forward, four
    backward, whatever T is.

    Args:
        scores: ``(N, Q, K)`` for Q queries and K keys; minus infinity hides a key, and
            one key at least of a row is not hidden.
        offsets: ``(N, T, K)``, what word t adds to the scores of all queries; finite.
        weights: ``(N, T)``, not differentiated; zero on padded words.

    Returns:
        ``(N, Q, K)``; rows sum to the sum of the weights.
    """
    averaged: Tensor = _AveragedAttention.apply(scores, offsets, weights)
    return averaged


class _AveragedAttention(torch.autograd.Function):
    """Keeps scores and offsets for the backward pass, and makes the maps again.

    Autograd itself would keep all T maps: 200 MB for 20 words at 40 x 40.
    """

    @staticmethod
    def forward(scores: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        averaged = torch.zeros_like(scores)
        for offset, weight in zip(offsets.unbind(1), weights.unbind(1), strict=True):
            attention = torch.softmax(scores + offset[:, None], dim=-1)
            averaged.addcmul_(attention, weight[:, None, None])
        return averaged

    @staticmethod
    def setup_context(
        ctx: FunctionCtx, inputs: tuple[Tensor, ...], output: Tensor
    ) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        scores, offsets, weights = ctx.saved_tensors
        to_scores = torch.zeros_like(scores)
        to_offsets = []
        for offset, weight in zip(offsets.unbind(1), weights.unbind(1), strict=True):
            attention = torch.softmax(scores + offset[:, None], dim=-1)
            mean = (attention * grad).sum(dim=-1, keepdim=True)
            change = (grad - mean).mul_(attention).mul_(weight[:, None, None])
            to_scores += change
            to_offsets.append(change.sum(dim=1))
        return to_scores, torch.stack(to_offsets, dim=1), None
