"""What of a configuration makes training and testing faster or smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .config import SPLITS

if TYPE_CHECKING:
    from mmengine.config import Config


def use_speed_hooks(cfg: Config) -> None:
    """Let hooks of mmris do what MMEngine's switches of the same purpose do not.

    ``compile`` becomes a ``CompileHook``, ``activation_checkpointing`` an
    ``ActivationCheckpointingHook``; their docstrings say what is wrong with MMEngine's.

    Args:
        cfg: Configuration, changed in place.

    Raises:
        TypeError: ``compile`` is neither a bool nor a dict.
        ValueError: Both are asked for.
    """
    options = cfg.pop("compile", None)
    modules = cfg.pop("activation_checkpointing", None)
    if not isinstance(options, bool | dict | None):
        raise TypeError(
            f"compile is {options!r}; give True, or a dict of arguments of CompileHook"
        )
    hooks = list(cfg.get("custom_hooks") or [])
    settings = {} if options is True else options or None
    if settings is not None:
        hooks.append({"type": "CompileHook", **settings})
    if modules:
        if settings is not None:
            raise ValueError(
                "compile and activation_checkpointing are both set, which do not work "
                "together; set one of them to None"
            )
        hooks.append({"type": "ActivationCheckpointingHook", "modules": modules})
    cfg.custom_hooks = hooks


def pin_memory_for_gpu(cfg: Config) -> None:
    """Let batches be read into pages that a GPU can fetch by itself, if there is one.

    Not in the configs, because without a GPU torch warns of it. A loader that says
    ``pin_memory`` keeps what it says.

    Args:
        cfg: Configuration, changed in place.
    """
    if torch.cuda.is_available():
        for split in SPLITS:
            loader = cfg.get(f"{split}_dataloader")
            if loader is not None:
                loader.setdefault("pin_memory", True)
