"""Trades time for memory: parts are run again in the backward pass."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch.utils.checkpoint import checkpoint

from mmris.engine.model_parts import find_parts
from mmris.models import FusionNeck
from mmris.registry import HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from mmengine.runner import Runner
    from torch import nn


@HOOKS.register_module()
class ActivationCheckpointingHook(Hook):
    """Keeps only what goes into the named parts, and runs them again for gradients.

    ``activation_checkpointing=["decode_head"]`` at the top of a config puts this hook
    in, instead of MMEngine's own switch: that one takes tensors only, and counts every
    batch twice in running statistics. Here a part may take and give any of the values
    that flow between parts, its buffers are left as the first run made them, and
    dropout drops the same. Gradients and losses do not change.

    Args:
        modules: Names of parts of the model, such as ``"decode_head"``; ``*`` stands
            for any name at its place, as in
            ``"decode_head.aggregation.stages.*.alignment"``.
    """

    def __init__(self, *, modules: Sequence[str]) -> None:
        self.modules = [modules] if isinstance(modules, str) else list(modules)

    def before_train(self, runner: Runner) -> None:
        """Wrap the parts.

        Args:
            runner: The runner.

        Raises:
            ValueError: The model has no such part, or it is never run as a whole.
        """
        model: Any = runner.model
        if is_model_wrapper(model):
            model = model.module
        for name in self.modules:
            parts = find_parts(
                model, name, key="activation_checkpointing", in_pieces=(FusionNeck,)
            )
            for part in parts.values():
                checkpoint_activations(part)


def checkpoint_activations(module: nn.Module) -> None:
    """Make a module forget in training what it computed, until gradients want it.

    Args:
        module: The module, changed in place.
    """
    forward = module.forward

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), kept_buffers(module)

    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if not module.training:
            return forward(*args, **kwargs)
        return checkpoint(
            forward, *args, use_reentrant=False, context_fn=contexts, **kwargs
        )

    module.forward = checkpointed


@contextmanager
def kept_buffers(module: nn.Module) -> Iterator[None]:
    """While active, changes of a module's buffers are temporary.

    Args:
        module: The module.
    """
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            # Past autograd, which has kept some for gradients: those did not change, or
            # are not read.
            buffer.data.copy_(value)
