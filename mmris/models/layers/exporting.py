"""Loops over words and sizes that an exported graph leaves open.

``torch.export`` writes a loop out for the number of words that it was shown, and
PyTorch runs recurrent layers in such a loop. While a model is exported, parts that
would fix the number of words or the size of a picture take another way to the same
numbers.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import torch
from torch._higher_order_ops.scan import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    Step = Callable[
        [tuple[Tensor, ...], tuple[Tensor, ...]], tuple[tuple[Tensor, ...], Tensor]
    ]

_exporting: ContextVar[bool] = ContextVar("exporting", default=False)


@contextmanager
def exporting() -> Iterator[None]:
    """While active, models take the ways that fix no number of words and no size."""
    token = _exporting.set(True)
    try:
        yield
    finally:
        _exporting.reset(token)


def is_exporting() -> bool:
    """Whether a model is being exported for any number of words and any size."""
    # Never while torch.compile traces: Dynamo may split its graph at the variable.
    return not torch.compiler.is_dynamo_compiling() and _exporting.get()


def scan_steps(
    step: Step, carried: tuple[Tensor, ...], inputs: tuple[Tensor, ...]
) -> tuple[tuple[Tensor, ...], Tensor]:
    """A loop over the first axis of tensors that stays a loop in the graph.

    Args:
        step: Takes what is carried and one entry of each input; gives what is carried
            on and a result. No two of the tensors that it gives are the same.
        carried: What the first step is given.
        inputs: Tensors of equal first size.

    Returns:
        What the last step carried on, and all results, stacked along a first axis.
    """
    last, results = scan(step, carried, inputs, dim=0)
    return tuple(last), results
