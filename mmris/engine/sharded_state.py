"""Between the shares of tensors that processes keep and the whole ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from mmengine.dist import is_main_process
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._pytree import tree_map_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mmengine.model import BaseAveragedModel
    from torch import Tensor
    from torch.optim import Optimizer


def gather_state(state: dict[str, Any]) -> dict[str, Any]:
    """Whole tensors instead of shares; all processes have to call this.

    Args:
        state: A state dict of a model or an optimizer.

    Returns:
        In the main process the state dict as it would be without shares, on the CPU.
        In the others one to throw away.
    """

    def gather(value: DTensor) -> Tensor | None:
        whole = value.full_tensor()  # one at a time: the others keep none
        return whole.cpu() if is_main_process() else None

    for key, value in state.items():  # not a new dict: a model's has notes of versions
        state[key] = tree_map_only(DTensor, gather, value)
    return state


def shard_like(value: Any, parameter: nn.Parameter) -> Any:
    """The share of this process of a tensor that belongs to a parameter.

    Args:
        value: A tensor of the parameter's shape, whole and the same in all processes;
            anything else is returned as it is.
        parameter: A parameter that is sharded.
    """
    if not isinstance(value, torch.Tensor) or value.shape != parameter.shape:
        return value
    share: DTensor = parameter.data  # type: ignore[assignment]
    return distribute_tensor(
        value.to(share.device), share.device_mesh, share.placements, src_data_rank=None
    )


def shard_optimizer(
    optimizer: Optimizer, sharded: Mapping[nn.Parameter, nn.Parameter]
) -> None:
    """Let an optimizer update sharded parameters, and keep shares of its states.

    Args:
        optimizer: The optimizer, changed in place.
        sharded: Its parameters, each with the sharded one that took its place.
    """
    places: dict[Any, nn.Parameter] = dict(sharded)
    for group in optimizer.param_groups:
        group["params"] = [places[parameter] for parameter in group["params"]]
    states = dict(optimizer.state)
    optimizer.state.clear()
    for parameter, state in states.items():
        place = places[parameter]
        optimizer.state[place] = {
            key: shard_like(value, place) for key, value in state.items()
        }


def shard_average(averaged: BaseAveragedModel, model: nn.Module) -> None:
    """Keep shares of averaged weights, as of the weights.

    Args:
        averaged: The averaged model, changed in place.
        model: The sharded model that it averages.
    """
    places = dict(model.named_parameters(remove_duplicate=False))
    made: dict[nn.Parameter, nn.Parameter] = {}
    copies = list(averaged.module.named_parameters(remove_duplicate=False))
    for name, parameter in copies:
        if parameter not in made:
            share = shard_like(parameter.data, places[name])
            made[parameter] = nn.Parameter(share, requires_grad=False)
        owner, _, own_name = name.rpartition(".")
        setattr(averaged.module.get_submodule(owner), own_name, made[parameter])
    averaged.avg_parameters = (
        averaged.module.state_dict()
        if averaged.update_buffers
        else dict(averaged.module.named_parameters())
    )


def clip_by_norm(
    parameters: Iterable[nn.Parameter],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """As ``clip_grad_norm_`` of torch, for gradients of which each process has a share.

    torch's own returns a norm of shares, which is another number in each process, and
    takes no largest entry (``norm_type=inf``) of a share that is empty.

    Args:
        parameters: The parameters, all with gradients.
        max_norm: Largest norm of all gradients together.
        norm_type: Which norm, above 0; ``inf`` for the largest entry.
        error_if_nonfinite: Whether a norm that is no number is an error.
        foreach: As in torch.

    Returns:
        The norm before clipping, of the gradients of all processes.

    Raises:
        ValueError: There is no such norm.
        FloatingPointError: The norm is no number, which is to be an error.
    """
    if norm_type <= 0:
        raise ValueError(
            f"optim_wrapper.clip_grad.norm_type is {norm_type}; with model_wrapper_cfg."
            "type='ShardedModel' give a number above 0, or 'inf'"
        )
    gradients: list[DTensor] = [
        parameter.grad  # type: ignore[misc]
        for parameter in parameters
        if parameter.grad is not None
    ]
    shares = [gradient.to_local() for gradient in gradients]
    filled = [share for share in shares if share.numel()]
    norm = nn.utils.get_total_norm(filled, norm_type, foreach=foreach)
    norm = norm.to(shares[0].device)
    if math.isinf(norm_type):
        dist.all_reduce(norm, op=dist.ReduceOp.MAX)
    else:
        powers = norm**norm_type
        dist.all_reduce(powers)
        norm = powers ** (1 / norm_type)
    if error_if_nonfinite and not torch.isfinite(norm):
        raise FloatingPointError(
            f"the norm of the gradients is {float(norm)} (optim_wrapper.clip_grad."
            "error_if_nonfinite); train with a lower rate, or set it to False"
        )
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for share in filled:
        share.mul_(factor)
    return norm
