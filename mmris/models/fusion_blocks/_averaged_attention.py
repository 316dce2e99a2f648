"""Softmax attention of all words of an expression, averaged before it is used.

Each word shifts the scores of all queries by the same row. The average of the T
attention maps is all that is wanted: there are never T maps at once, in the backward
pass neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from mmris.models.layers import is_exporting, scan_steps

from ._factored_attention import factor, factored_attention
from ._longest_first import is_recorded, longest_first

if TYPE_CHECKING:
    from collections.abc import Sequence

# Bounds the memory of the attention between pixels, and keeps it in a CPU's cache.
_QUERIES_AT_A_TIME = 400
# A GPU wants few large steps: as many queries as give so many scores, 256 MB of them.
_SCORES_OF_A_GPU = 2**26


def averaged_attention(scores: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    r"""Weighted mean over words of the attention that each word leads to.

    .. math::
        \bar\alpha_q(k) = \sum_t w_t \,
            \frac{\exp(s_q(k) + o_t(k))}{\sum_{k'} \exp(s_q(k') + o_t(k'))}

    By :func:`factored_attention`, which takes one exponential of a score whatever T is.
    That loses rows whose two maxima lie far apart; should there be one, and in a graph
    that is compiled or exported and so cannot ask, the maps of the words are made one
    after another, each softmax shifted by the maximum of its own row.

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
    if is_exporting():
        return _for_any_number_of_words(scores, offsets, weights)
    factors = None
    if weights.is_meta or not is_recorded(weights):
        factors = factor(scores, offsets)
    if factors is not None:
        return factored_attention(scores, offsets, weights, factors)
    plan = longest_first(weights > 0)
    if plan is None:
        return word_by_word(scores, offsets, weights)
    order = plan.order
    averaged = word_by_word(
        scores[order], offsets[order], weights[order], active=plan.active
    )
    return averaged[plan.inverse]


def word_by_word(
    scores: Tensor,
    offsets: Tensor,
    weights: Tensor,
    *,
    active: Sequence[int] | None = None,
) -> Tensor:
    """What :func:`averaged_attention` gives, for scores of any size.

    Args:
        scores: ``(N, Q, K)``.
        offsets: ``(N, T, K)``.
        weights: ``(N, T)``.
        active: Per word, how many of the N, the first ones, have that word; the others
            must have weight zero there and are left out. None for all.

    Returns:
        ``(N, Q, K)``.
    """
    rows = (None,) * offsets.shape[1] if active is None else tuple(active)
    averaged: Tensor = _AveragedAttention.apply(scores, offsets, weights, rows)
    return averaged


def _for_any_number_of_words(
    scores: Tensor, offsets: Tensor, weights: Tensor
) -> Tensor:
    """The same for a graph, without gradient."""

    def one_word(
        carried: tuple[Tensor, ...], word: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        averaged, scores = carried
        offset, weight = word
        attention = torch.softmax(scores + offset[:, None], dim=-1)
        averaged = averaged + attention * weight[:, None, None]
        # The scores are carried along because a graph's loop can hold no tensor of
        # open size; and a scan wants a result of every step, here one not looked at.
        return (averaged, scores.clone()), weight.clone()

    words = (offsets.transpose(0, 1), weights.transpose(0, 1))
    (averaged, _), _ = scan_steps(one_word, (torch.zeros_like(scores), scores), words)
    return averaged


def gather_pixels(
    scores: Tensor,
    offsets: Tensor,
    weights: Tensor,
    values: Tensor,
    image_index: Tensor,
) -> Tensor:
    """What the pixels of an image gather from each other by the averaged attention.

    Args:
        scores: Between the P pixels of B images, ``(B, P, P)``.
        offsets: ``(N, T, P)``.
        weights: ``(N, T)``.
        values: Of the pixels of B images, ``(B, d, P)``.
        image_index: ``(N,)`` int64, the image of each expression.

    Returns:
        ``(N, P, d)``.
    """
    own = values.index_select(0, image_index).transpose(1, 2)  # (N, P, d)
    pieces: Sequence[Tensor] = [scores]
    if not is_exporting():  # a graph's number of pieces would be fixed
        at_a_time = _queries_at_a_time(scores, offsets.shape[0])
        pieces = torch.split(scores, at_a_time, dim=1)
    return torch.cat(
        [
            averaged_attention(some.index_select(0, image_index), offsets, weights)
            @ own
            for some in pieces
        ],
        dim=1,
    )


def _queries_at_a_time(scores: Tensor, rows: int) -> int:
    """How many queries of each of ``rows`` expressions are worked on together."""
    if scores.device.type == "cpu":
        return _QUERIES_AT_A_TIME
    if torch.compiler.is_compiling():
        return scores.shape[1]  # a number that does not depend on the expressions
    return max(_QUERIES_AT_A_TIME, _SCORES_OF_A_GPU // (rows * scores.shape[2]))


class _AveragedAttention(torch.autograd.Function):
    """Keeps scores and offsets for the backward pass, and makes the maps again.

    Autograd itself would keep all T maps: 200 MB for 20 words at 40 x 40.
    """

    @staticmethod
    def forward(
        scores: Tensor,
        offsets: Tensor,
        weights: Tensor,
        active: tuple[int | None, ...],
    ) -> Tensor:
        averaged = torch.zeros_like(scores)
        for word, rows in enumerate(active):
            attention, weight = _attention(scores, offsets, weights, word, rows)
            _first(averaged, rows).addcmul_(attention, weight)
        return averaged

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        scores, offsets, weights, active = inputs
        ctx.save_for_backward(scores, offsets, weights)
        ctx.active = active

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        scores, offsets, weights = ctx.saved_tensors
        to_scores = torch.zeros_like(scores)
        to_offsets = []
        for word, rows in enumerate(ctx.active):
            attention, weight = _attention(scores, offsets, weights, word, rows)
            change = attention * _first(grad, rows)
            mean = change.sum(dim=-1, keepdim=True)
            change.addcmul_(attention, mean, value=-1).mul_(weight)
            _first(to_scores, rows).add_(change)
            to_offset = change.sum(dim=1)
            if rows is not None:
                missing = len(scores) - rows
                to_offset = functional.pad(to_offset, (0, 0, 0, missing))
            to_offsets.append(to_offset)
        return to_scores, torch.stack(to_offsets, dim=1), None, None


def _attention(
    scores: Tensor, offsets: Tensor, weights: Tensor, word: int, rows: int | None
) -> tuple[Tensor, Tensor]:
    """Attention and weight of one word in the expressions that have it."""
    offset = _first(offsets[:, word, None], rows)
    attention = torch.softmax(_first(scores, rows) + offset, dim=-1)
    return attention, _first(weights[:, word, None, None], rows)


def _first(values: Tensor, rows: int | None) -> Tensor:
    # No slice where all are wanted: it would fix their number in an exported graph.
    return values if rows is None else values[:rows]
