"""Tables of fixed numbers, made once and kept."""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, ParamSpec

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

P = ParamSpec("P")
# Sizes, devices and types that one process works with at a time.
_MOST = 64


def kept_table(make: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Keep what a function makes of equal arguments.

    For tensors that nobody changes and that depend on nothing else, such as coordinates
    of a map: made anew, they would be several small kernels a call. In a graph that is
    compiled, exported or traced the table is made in the graph.

    Args:
        make: The function; its arguments are hashable.

    Returns:
        The function that keeps.
    """

    @lru_cache(maxsize=_MOST)
    def kept(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        # A tensor of inference mode could not be used in training later.
        with torch.inference_mode(mode=False), torch.no_grad():
            return make(*args, **kwargs)

    @wraps(make)
    def table(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        if _is_traced():
            return make(*args, **kwargs)
        found: Tensor = kept(*args, **kwargs)  # type: ignore[arg-type]  # by contract
        return found

    return table


def _is_traced() -> bool:
    """Whether tensors made now are none, or belong to a graph."""
    return (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        # Fake tensors, and modes that look at every operation.
        or torch._C._len_torch_dispatch_stack() > 0
    )
