"""Expressions in the order of their lengths, so that padding costs no work."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mmris.models.layers import is_exporting


class LongestFirst(NamedTuple):
    """Which expressions a loop over words has to visit.

    Attributes:
        order: ``(N,)`` int64, the expressions from the longest to the shortest.
        inverse: ``(N,)`` int64, undoes the order.
        active: Per word, how many of the ordered expressions are that long.
    """

    order: Tensor
    inverse: Tensor
    active: list[int]


def longest_first(mask: Tensor) -> LongestFirst | None:
    """Order expressions so that those with a word t are the first ones, for every t.

    Args:
        mask: ``(N, T)`` bool, True on words.

    Returns:
        The order; None where it would not help or, because it looks at values, must not
        be asked for: in a graph that is compiled, exported or captured, and on the meta
        device.
    """
    if is_recorded(mask) or len(mask) < 2:
        return None
    places = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    lengths = (mask * places).amax(dim=1)  # (N,)
    order = lengths.argsort(descending=True, stable=True)
    active = (lengths[:, None] >= places).sum(dim=0).tolist()
    if active[-1] == len(mask):
        return None
    return LongestFirst(order, order.argsort(), active)


def is_recorded(mask: Tensor) -> bool:
    """Whether what is computed becomes a graph, in which no value can be looked at.

    Args:
        mask: Any tensor of it.
    """
    if is_exporting() or torch.compiler.is_compiling():
        return True
    if torch._C._get_tracing_state() is not None:
        return True
    if mask.is_meta:
        return True
    return mask.is_cuda and torch.cuda.is_current_stream_capturing()
