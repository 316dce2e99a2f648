"""Sharded parameters: each process keeps a share of every part of a model."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import nn
from torch.utils._pytree import tree_map_only

from mmris.models import FusionNeck
from mmris.registry import MODEL_WRAPPERS

from .model_parts import find_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mmengine.optim import OptimWrapper
    from torch import Tensor

# Stages of ResNets and of the other families; whichever of these a model has.
DEFAULT_PARTS = (
    "backbone.layer*",
    "backbone.stages.*",
    "text_encoder",
    "neck",
    "decode_head",
)
_KEY = "model_wrapper_cfg.modules"
_REMEDY = "Leave model_wrapper_cfg out, or"


@MODEL_WRAPPERS.register_module()
class ShardedModel(nn.Module):
    """Shards parameters, gradients and optimizer states over the processes of a job.

    ``model_wrapper_cfg=dict(type="ShardedModel")`` in a config, torch's FSDP2
    (``fully_shard``). Each process keeps an N-th of every parameter. A part is gathered
    while it runs forward and backward, and its gradients are averaged into the shares;
    what is in none of the parts is gathered as one with the model. The steps are those
    of ``MMDistributedDataParallel`` up to rounding, which holds for parameters without
    a gradient, too, and for buffers, which are those of the first process.

    A model is sharded when its weights are initialised and loaded, by
    :class:`~mmris.engine.sharded_runner.ShardedRunner`. So at the start each process
    holds the whole model once. In evaluation the whole model is gathered for each
    batch: processes run a part as often as their sentences ask for.

    Args:
        module: The model.
        modules: Names of the parts that are gathered one at a time; ``*`` stands for
            any name at its place. None takes the backbone's stages, text encoder, neck
            and decode head.
        reshard_after_forward: Whether a part is given up between its forward and its
            backward pass, and gathered twice; the model's own rest never is.
        find_unused_parameters: Whether parameters may be without a gradient, in all or
            some of the processes.
        broadcast_buffers: Whether the first process hands its buffers to the others
            before each training step.

    Attributes:
        runner_type: The runner that it needs.
        is_sharded: Whether it is.

    Raises:
        RuntimeError: torch is too old.
    """

    runner_type = "ShardedRunner"

    def __init__(
        self,
        module: nn.Module,
        *,
        modules: Sequence[str] | None = None,
        reshard_after_forward: bool = True,
        find_unused_parameters: bool = True,
        broadcast_buffers: bool = True,
    ) -> None:
        super().__init__()
        _check_torch(find_unused_parameters)
        self.module: Any = module
        self.modules_wanted = None if modules is None else list(modules)
        self.reshard_after_forward = reshard_after_forward
        self.find_unused_parameters = find_unused_parameters
        self.broadcast_buffers = broadcast_buffers
        self.is_sharded = False
        # Each with whether it is given up after its forward pass, the model first.
        self._units: dict[str, tuple[Any, bool]] = {}
        self._used: set[str] = set()

    def shard(self) -> dict[nn.Parameter, nn.Parameter]:
        """Shard the parameters, which must be the same in all processes.

        Returns:
            For each parameter from before the one that took its place.

        Raises:
            ValueError: A name means no part, or a parameter cannot be sharded.
        """
        from torch.distributed.device_mesh import (  # noqa: PLC0415  # takes a second
            init_device_mesh,
        )
        from torch.distributed.fsdp import (  # noqa: PLC0415  # takes a second
            fully_shard,
            register_fsdp_forward_method,
        )

        parts = self._find_parts()
        before = dict(self.module.named_parameters())
        _check_parameters(self.module, parts)
        device = next(iter(before.values())).device.type
        mesh = init_device_mesh(device, (dist.get_world_size(),))
        # From the inside out: what is in no inner part is the outer one's.
        for name in sorted(parts, key=lambda name: -name.count(".")):
            part, given_up = parts[name], self.reshard_after_forward
            part.register_forward_hook(_owned_output)
            fully_shard(part, mesh=mesh, reshard_after_forward=given_up)
            self._units[name] = part, given_up
            if isinstance(part, FusionNeck):
                for method in ("encode", "decode"):  # what the segmentor calls
                    setattr(part, method, partial(_owned, getattr(part, method)))
                    register_fsdp_forward_method(part, method)
        fully_shard(self.module, mesh=mesh, reshard_after_forward=False)
        self._units = {"": (self.module, False), **self._units}
        self.is_sharded = True
        after = dict(self.module.named_parameters())
        if self.find_unused_parameters:
            self.module.set_reduce_scatter_unused_params(True)
            self._watch_gradients()
        return {before[name]: after[name] for name in before}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model.

        Args:
            *args: For the model.
            **kwargs: For the model.
        """
        return self.module(*args, **kwargs)

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Take one batch, and a step if it is the last of one.

        Args:
            data: The batch.
            optim_wrapper: The optimizer.

        Returns:
            The losses by name.

        Raises:
            RuntimeError: The model is not sharded yet.
            ValueError: A part is not run as a whole.
        """
        self._check_sharded()
        if optim_wrapper.inner_count % optim_wrapper._accumulative_counts == 0:
            self._used.clear()
        if self.broadcast_buffers:
            _share(list(self.module.buffers()))
        with _parts_named():
            losses: dict[str, Tensor] = self.module.train_step(data, optim_wrapper)
        return losses

    def val_step(self, data: Any) -> Any:
        """Predict.

        Args:
            data: The batch.
        """
        with self._gathered():
            return self.module.val_step(data)

    def test_step(self, data: Any) -> Any:
        """Predict.

        Args:
            data: The batch.
        """
        with self._gathered():
            return self.module.test_step(data)

    def drop_unused_gradients(self) -> None:
        """Take away the gradients of parameters that no process used for this step.

        They are zeros, by which an optimizer would decay weights and go on with its
        momentum; one process alone has no gradient there.
        """
        if not self.find_unused_parameters:
            return
        parameters = dict(self.module.named_parameters())
        used = torch.tensor([name in self._used for name in parameters])
        device = next(iter(parameters.values())).device
        used = used.to(device=device, dtype=torch.uint8)
        dist.all_reduce(used, op=dist.ReduceOp.MAX)
        for parameter, is_used in zip(parameters.values(), used.tolist(), strict=True):
            if not is_used:
                parameter.grad = None

    def _find_parts(self) -> dict[str, nn.Module]:
        if self.modules_wanted is not None:
            found = {}
            for pattern in self.modules_wanted:
                found.update(find_parts(self.module, pattern, key=_KEY))
        else:
            found = {}
            for pattern in DEFAULT_PARTS:
                try:
                    found.update(find_parts(self.module, pattern, key=_KEY))
                except ValueError:  # a model of another kind
                    continue
        return {
            n: part for n, part in found.items() if any(True for _ in part.parameters())
        }

    def _watch_gradients(self) -> None:
        """Note each parameter that gets a gradient in a backward pass."""
        with self._gathered():  # these are the ones that autograd will know
            for name, parameter in self.module.named_parameters():
                if parameter.requires_grad:
                    parameter.register_post_accumulate_grad_hook(
                        partial(_note, self._used, name)
                    )

    @contextmanager
    def _gathered(self) -> Iterator[None]:
        """While active, this process holds the whole model."""
        self._check_sharded()
        for unit, _ in self._units.values():
            unit.set_reshard_after_forward(False, recurse=False)
            unit.unshard()
        try:
            with _parts_named():
                yield
        finally:
            for unit, is_given_up in self._units.values():
                unit.reshard()
                unit.set_reshard_after_forward(is_given_up, recurse=False)

    def _check_sharded(self) -> None:
        if not self.is_sharded:
            raise RuntimeError(
                "model_wrapper_cfg.type='ShardedModel' needs a runner that shards the "
                "model; build it by mmris.engine.build_runner(cfg), as tools/train.py "
                "does"
            )


def _owned(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a method returns, without views.

    A change in place of a view would take FSDP the hook that gathers the part for its
    backward pass, in silence.
    """
    return tree_map_only(torch.Tensor, _without_view, method(*args, **kwargs))


def _owned_output(module: nn.Module, args: Any, output: Any) -> Any:
    return tree_map_only(torch.Tensor, _without_view, output)


def _without_view(value: Tensor) -> Tensor:
    return value.clone() if value.requires_grad and value._is_view() else value


def _note(names: set[str], name: str, parameter: Tensor) -> None:
    names.add(name)


def _share(buffers: list[Tensor]) -> None:
    """Copy buffers of the first process to the others, those of a type at once."""
    for dtype in sorted({buffer.dtype for buffer in buffers}, key=str):
        alike = [buffer for buffer in buffers if buffer.dtype == dtype]
        joined = torch.cat([buffer.detach().reshape(-1) for buffer in alike])
        dist.broadcast(joined, src=0)
        parts = torch.split(joined, [buffer.numel() for buffer in alike])
        for buffer, part in zip(alike, parts, strict=True):
            buffer.data.copy_(part.view_as(buffer))


@contextmanager
def _parts_named() -> Iterator[None]:
    """Say what is wrong where a part is used without being run."""
    try:
        yield
    except RuntimeError as error:
        if "DTensor" not in str(error):
            raise
        raise ValueError(
            f"{_KEY} names a part whose parameters are used without running it as a "
            f"whole: {str(error).splitlines()[0][:200]}. Name other parts"
        ) from error


def _check_torch(find_unused_parameters: bool) -> None:
    try:
        from torch.distributed.fsdp import (  # noqa: PLC0415  # takes a second
            FSDPModule,
        )
    except ImportError as error:
        raise RuntimeError(
            "model_wrapper_cfg.type='ShardedModel' needs torch 2.6 or later, this is "
            f"{torch.__version__}. Leave model_wrapper_cfg out"
        ) from error
    if find_unused_parameters and not hasattr(
        FSDPModule, "set_reduce_scatter_unused_params"
    ):
        raise RuntimeError(
            f"the FSDP of torch {torch.__version__} does not look for parameters "
            "without a gradient. Set model_wrapper_cfg.find_unused_parameters=False if "
            "there are none, take torch 2.14, or leave model_wrapper_cfg out"
        )


def _check_parameters(module: nn.Module, parts: dict[str, nn.Module]) -> None:
    """Refuse what torch does not shard, by its name."""
    owners: dict[nn.Parameter, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if parameter.ndim == 0:
            raise ValueError(
                f"model_wrapper_cfg.type='ShardedModel' cannot shard {name}, which has "
                f"no dimension. {_REMEDY} give it one"
            )
        if not parameter.is_contiguous():
            raise ValueError(
                f"model_wrapper_cfg.type='ShardedModel' cannot shard {name}, which is "
                f"not contiguous. {_REMEDY} take ChannelsLastHook out of the hooks"
            )
        inside = [part for part in parts if name.startswith(f"{part}.")]
        owner = max(inside, key=len, default="")
        if owners.setdefault(parameter, owner) != owner:
            raise ValueError(
                f"{_KEY}: {name} is also a parameter of "
                f"{owners[parameter] or 'the rest of the model'}, which is gathered "
                "apart from it. Name a part that has both"
            )
