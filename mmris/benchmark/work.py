"""How many multiplications and additions a call does, and how many parameters."""

from __future__ import annotations

from contextlib import nullcontext
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.flop_counter import FlopCounterMode

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


class _NoModules(nullcontext[None]):
    """Instead of torch's record of which module works.

    That one hooks into gradients, and fails where a parameter is given to a module
    while gradients are off.
    """

    parents = frozenset({"Global"})


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
