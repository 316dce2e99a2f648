"""Builds the runner that a config asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.device import is_cuda_available
from mmengine.runner import Runner

from mmris.registry import RUNNERS

from .freed_memory import keep_freed_memory

if TYPE_CHECKING:
    from mmengine.config import Config

# The hooks that MMEngine adds itself; of these alone it takes None for "not this one".
_BUILT_IN = (
    "runtime_info",
    "timer",
    "sampler_seed",
    "logger",
    "param_scheduler",
    "checkpoint",
)


def build_runner(cfg: Config) -> Runner:
    """Build MMEngine's Runner, or the one that ``runner_type`` names.

    Args:
        cfg: The config. A hook of ``default_hooks`` that is None is left out of it.

    Returns:
        The runner.

    Raises:
        ValueError: There is no such runner.
    """
    if not is_cuda_available():
        keep_freed_memory()
    kind = cfg.get("runner_type", Runner)
    found: type[Runner] | None = RUNNERS.get(kind) if isinstance(kind, str) else kind
    if found is None:
        raise ValueError(
            f"runner_type is {kind!r}, which is no registered runner; leave it out, or "
            "name the module that registers it in custom_imports.imports"
        )
    hooks = cfg.get("default_hooks") or {}
    for name in [name for name, hook in hooks.items() if hook is None]:
        if name not in _BUILT_IN:
            del hooks[name]
    return found.from_cfg(cfg)
