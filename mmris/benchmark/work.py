"""What a call has to do: multiplications and additions, bytes; how many parameters."""

from __future__ import annotations

from contextlib import nullcontext
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import FlopCounterMode, flop_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

Shape = tuple[int, ...]


def _fused_attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    # Scores and weighted sums; heads are part of the rows.
    rows, keys = prod(query[:-1]), key[-2]
    return 2 * rows * keys * (query[-1] + value[-1])


def _fused_attention_backward(
    gradient: Shape, query: Shape, key: Shape, value: Shape, *_: Any, **__: Any
) -> int:
    # Scores anew, and the gradients of queries, keys, scores and values: five products
    # where forward has two.
    return _fused_attention(query, key, value) * 5 // 2


def _recurrent_layer(
    inputs: Shape, inner: Shape, outer: Shape, *_: Any, **__: Any
) -> int:
    steps = prod(inputs[:-1])
    return 2 * steps * (prod(inner) + prod(outer))


def _recurrent_layer_backward(*shapes: Any, **__: Any) -> int:
    return 2 * _recurrent_layer(*shapes)


def _recurrent_layers(
    inputs: Shape, weights: Sequence[Shape], *_: Any, **__: Any
) -> int:
    steps = prod(inputs[:-1])
    return 2 * steps * sum(prod(shape) for shape in weights if len(shape) == 2)


def _recurrent_layers_backward(*shapes: Any, **__: Any) -> int:
    return 2 * _recurrent_layers(*shapes)


_ATEN = torch.ops.aten
# What torch's own counter leaves out: fused kernels of CPUs, recurrent ones of both.
_FURTHER: dict[Any, Callable[..., int]] = {
    _ATEN._scaled_dot_product_flash_attention_for_cpu: _fused_attention,
    _ATEN._scaled_dot_product_flash_attention_for_cpu_backward: (
        _fused_attention_backward
    ),
    _ATEN.mkldnn_rnn_layer: _recurrent_layer,
    _ATEN.mkldnn_rnn_layer_backward: _recurrent_layer_backward,
    _ATEN._cudnn_rnn: _recurrent_layers,
    _ATEN._cudnn_rnn_backward: _recurrent_layers_backward,
}


class Work(NamedTuple):
    """What the matrix products and convolutions of a call have to do.

    Attributes:
        gflop: Floating-point operations in 10^9; a multiplication and an addition are
            two.
        gigabytes: What they read and write in 10^9 bytes, each operand once, as if
            nothing stayed in a cache from one operation to the next.
    """

    gflop: float
    gigabytes: float


_Mode: Any = TorchDispatchMode  # which has no types


class _Traffic(_Mode):
    """Adds up the bytes of what the counted operations are given and give."""

    total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        kind = func._overloadpacket
        if kind in flop_registry or kind in _FURTHER:
            self.total += sum(
                value.numel() * value.element_size()
                for value in tree_iter((args, kwargs, result))
                if isinstance(value, torch.Tensor)
            )
        return result


class _NoModules(nullcontext[None]):
    """Instead of torch's record of which module works.

    That one hooks into gradients, and fails where a parameter is given to a module
    while gradients are off.
    """

    parents = frozenset({"Global"})


def count_work(call: Callable[[], object]) -> Work:
    """Operations and bytes of the matrix products and convolutions of a call.

    Args:
        call: As in :func:`count_flops`.
    """
    gflop: list[float] = []
    traffic = _Traffic()
    with traffic:
        gflop.append(count_flops(call))
    return Work(gflop[0], traffic.total / 1e9)


def count_flops(call: Callable[[], object]) -> float:
    """Floating-point operations of the matrix products and convolutions of a call.

    A multiplication and an addition are two. Recurrent layers and fused attention
    count; what works element by element does not. Backward passes inside count.

    Args:
        call: Not compiled.

    Returns:
        In 10^9.
    """
    counter: Any = FlopCounterMode(display=False, custom_mapping=_FURTHER)
    counter.mod_tracker = _NoModules()
    with counter:
        call()
    return float(counter.get_total_flops()) / 1e9


def count_parameters(module: nn.Module) -> tuple[float, float]:
    """Parameters of a module.

    Args:
        module: The module.

    Returns:
        All and the trained ones, in 10^6.
    """
    parameters = list(module.parameters())
    trained = sum(value.numel() for value in parameters if value.requires_grad)
    return sum(value.numel() for value in parameters) / 1e6, trained / 1e6
