"""Keys of a config that stand in no class's list of arguments."""

from __future__ import annotations

import difflib
import inspect
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import init_dist
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from .config_types import suggest_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# Near enough to be a slip: max_iters is no "max_epochs", val_evaluater is.
_SLIP = 0.8


def _parameters(*functions: Callable[..., Any]) -> frozenset[str]:
    names = {name for f in functions for name in inspect.signature(f).parameters}
    return frozenset(names - {"self", "args", "kwargs"})


# What MMEngine's Runner and the tools look up in a config.
TOP_LEVEL = (_parameters(Runner.__init__) - {"cfg"}) | {
    "activation_checkpointing",
    "compile",
    "custom_imports",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "runner_type",
    "sync_bn",
}
HOOK_NAMES = (
    "runtime_info",
    "timer",
    "sampler_seed",
    "logger",
    "param_scheduler",
    "checkpoint",
    "checkpoint_fit",
    "exact_resume",
    "interruption",
    "due_validation",
    "finite_loss",
    "run_record",
    "leak_warning",
    "shared_buffers",
    "visualization",
)
# What MMEngine adds to the data loader of torch.
LOADER_KEYS = _parameters(DataLoader.__init__) | {
    "disable_subprocess_warning",
    "num_batch_per_epoch",
}
PARAMWISE_KEYS = frozenset(
    {
        "bias_decay_mult",
        "bias_lr_mult",
        "bypass_duplicate",
        "custom_keys",
        "dcn_offset_lr_mult",
        "dwconv_decay_mult",
        "flat_decay_mult",
        "norm_decay_mult",
    }
)
CLIPPING_KEYS = _parameters(
    torch.nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_value_
) - {"parameters"} | {"type"}
# Dicts that no class of the registries is made of, by their dotted key.
FIXED_KEYS: dict[str, frozenset[str]] = {
    "auto_scale_lr": frozenset({"base_batch_size", "enable"}),
    "custom_imports": frozenset({"allow_failed_imports", "imports"}),
    "env_cfg": frozenset({"cudnn_benchmark", "dist_cfg", "mp_cfg", "resource_limit"}),
    "env_cfg.dist_cfg": _parameters(init_dist)
    | {"init_method", "rendezvous_timeout", "timeout"} - {"launcher"},
    "env_cfg.mp_cfg": _parameters(set_multi_processing) - {"distributed"},
    "randomness": _parameters(Runner.set_randomness),
    # Arguments of CompileHook.
    "compile": frozenset({"backend", "dynamic", "fullgraph", "mode", "options"}),
    "optim_wrapper.clip_grad": CLIPPING_KEYS,
}


def check_keys(path: str, value: Any, known: Iterable[str], what: str = "") -> None:
    """Refuse keys that nothing reads.

    Args:
        path: Dotted key of the dict.
        value: The dict; anything else passes.
        known: Keys that are read.
        what: Who reads them, for the message.

    Raises:
        ValueError: There is another key.
    """
    if not isinstance(value, dict):
        return
    known = set(known)
    for key in value:
        if key not in known:
            where = f"{path}.{key}" if path else str(key)
            raise ValueError(
                f"{where}: {what or path} has no argument {key!r}; "
                f"{suggest_name(key, known)}"
            )


def check_fixed_keys(cfg: Mapping[str, Any]) -> None:
    """Check the dicts that no class is made of.

    Args:
        cfg: The config.

    Raises:
        ValueError: A key that nothing reads.
    """
    check_custom_imports(cfg.get("custom_imports"))
    for path, known in FIXED_KEYS.items():
        value: Any = cfg
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        check_keys(path, value, known)


def check_custom_imports(value: Any) -> None:
    """Check the modules that a config imports.

    Args:
        value: ``custom_imports``; nothing of any kind for none.

    Raises:
        ValueError: It is no dict, has another key, or names no modules.
    """
    if not value:
        return
    modules = value.get("imports") if isinstance(value, dict) else value
    names = [modules] if isinstance(modules, str) else modules
    written = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not isinstance(value, dict):
        shown = names if written else ["my_package"]
        raise ValueError(
            f"custom_imports is {value!r:.80}; write "
            f"custom_imports=dict(imports={shown!r})"
        )
    check_keys("custom_imports", value, FIXED_KEYS["custom_imports"])
    if modules is not None and not written:
        raise ValueError(
            f"custom_imports.imports is {modules!r:.80}; give a list of names of "
            "modules, such as ['my_package']"
        )


def check_hook_names(hooks: Mapping[str, Any]) -> None:
    """Refuse names of hooks that are slips of known ones.

    Args:
        hooks: ``default_hooks``.

    Raises:
        ValueError: A slip: MMEngine would run both hooks.
    """
    for name in hooks:
        if name not in HOOK_NAMES:
            _refuse_slip(f"default_hooks.{name}", name, HOOK_NAMES, "hook")


def check_top_level(cfg: Mapping[str, Any]) -> None:
    """Refuse keys that are slips of those that are read.

    A config file may have variables of its own: any name that is no slip, and also one
    that is, if its value is used elsewhere in the config.

    Args:
        cfg: The config.

    Raises:
        ValueError: A slip.
    """
    for key, value in cfg.items():
        if key in TOP_LEVEL or key.startswith("_"):
            continue
        if not places_of(cfg, key, value):
            _refuse_slip(key, key, TOP_LEVEL, "variable")


def places_of(cfg: Mapping[str, Any], key: str, value: Any) -> list[str]:
    """Where the value of a variable of a config file went.

    Args:
        cfg: The config.
        key: Name of the variable.
        value: Its value.

    Returns:
        Dotted keys with this value; none for values that are anywhere, as True is.
    """
    if value is None or isinstance(value, bool) or value in ({}, [], (), ""):
        return []
    others = {name: part for name, part in cfg.items() if name != key}
    return [
        path
        for path, part in _walk(others, "")
        if type(part) is type(value) and part == value
    ]


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if path:
        yield path, value
    if isinstance(value, dict):
        entries: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list | tuple):
        entries = enumerate(value)
    else:
        return
    for key, part in entries:
        yield from _walk(part, f"{path}.{key}" if path else str(key))


def _refuse_slip(path: str, name: str, known: Iterable[str], kind: str) -> None:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=_SLIP)
    if close:
        raise ValueError(
            f"{path}: nothing reads {name!r}; did you mean {close[0]!r}? A {kind} of "
            "your own needs a name less like it"
        )
