"""Finds misspelt keys and types in a config before anything is built of it.

MMEngine takes what it knows from a config and leaves the rest: a misspelt key of the
Runner, of a hook's name or of a dict without ``type`` changes nothing, in silence. And
what it does refuse it refuses from deep inside. Here every dict with a ``type`` is held
against the arguments of the class that it names, the others against what reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmengine import registry as root

from .config_keys import (
    LOADER_KEYS,
    PARAMWISE_KEYS,
    check_fixed_keys,
    check_hook_names,
    check_keys,
    check_top_level,
)
from .config_types import arguments_of, find_type, suggest_type

if TYPE_CHECKING:
    from collections.abc import Collection

    from mmengine.config import Config
    from mmengine.registry import Registry
    from torch import nn

SPLITS = ("train", "val", "test")
# Keys that MMEngine takes out of any dict with a type.
_EVERYWHERE = ("type", "_scope_", "_delete_")
# What the arguments of these names are made of, whoever takes them.
_KINDS: dict[str, Registry] = {
    "dataset": root.DATASETS,
    "datasets": root.DATASETS,
    "init_cfg": root.WEIGHT_INITIALIZERS,
    "metrics": root.METRICS,
    "optimizer": root.OPTIMIZERS,
    "pipeline": root.TRANSFORMS,
    "post_processing": root.TASK_UTILS,
    "transforms": root.TRANSFORMS,
    "vis_backends": root.VISBACKENDS,
}
_EXTRA = {
    root.HOOKS: ("priority",),
    root.OPTIM_WRAPPERS: ("constructor", "paramwise_cfg"),
    root.PARAM_SCHEDULERS: ("convert_to_iter_based",),
    root.VISUALIZERS: ("name",),
    root.WEIGHT_INITIALIZERS: ("override",),
}
# Arguments of mmris's classes that are built in the scope of another library.
_FOREIGN = {
    ("MMSegDecodeHead", "head"): "mmseg",
    ("MMSegDecodeHead", "first_head"): "mmseg",
}


def check_config(cfg: Config) -> None:
    """Refuse a config with a key or a type that nothing knows.

    Args:
        cfg: The config, with all options applied; it is left as it is.

    Raises:
        ValueError: The dotted key, and what could have been meant.
    """
    parts = cfg.to_dict() if hasattr(cfg, "to_dict") else dict(cfg)
    check_top_level(parts)
    check_fixed_keys(parts)
    tree = _Tree(parts.get("default_scope") or "mmris")
    tree.check("model", parts.get("model"), root.MODELS)
    tree.check("data_preprocessor", parts.get("data_preprocessor"), root.MODELS)
    for split in SPLITS:
        tree.check_loader(f"{split}_dataloader", parts.get(f"{split}_dataloader"))
        tree.check_evaluator(f"{split}_evaluator", parts.get(f"{split}_evaluator"))
    tree.check_loops(parts)
    tree.check_optimization(parts)
    hooks = parts.get("default_hooks") or {}
    check_hook_names(hooks)
    for name, hook in hooks.items():
        tree.check(f"default_hooks.{name}", hook, root.HOOKS)
    tree.check("custom_hooks", parts.get("custom_hooks"), root.HOOKS)
    for key, registry, default in (
        ("visualizer", root.VISUALIZERS, "Visualizer"),
        ("log_processor", root.LOG_PROCESSORS, "LogProcessor"),
        ("model_wrapper_cfg", root.MODEL_WRAPPERS, "MMDistributedDataParallel"),
    ):
        tree.check(key, parts.get(key), registry, default=default)


def check_custom_keys(model: nn.Module, cfg: Config) -> None:
    """Refuse learning rates for parts that the model does not have.

    Args:
        model: The model.
        cfg: Its config.

    Raises:
        ValueError: A key of ``optim_wrapper.paramwise_cfg.custom_keys`` is in no name
            of a parameter.
    """
    paramwise = (cfg.get("optim_wrapper") or {}).get("paramwise_cfg") or {}
    names = [name for name, _ in model.named_parameters()]
    for key in paramwise.get("custom_keys") or {}:
        if not any(key in name for name in names):
            raise ValueError(
                f"optim_wrapper.paramwise_cfg.custom_keys.{key}: no parameter of the "
                f"model has {key!r} in its name; names begin with "
                f"{', '.join(sorted({name.split('.')[0] for name in names}))}"
            )


@dataclass(frozen=True)
class _Tree:
    """Walks through the dicts of a config.

    Attributes:
        scope: Where bare names are looked for.
    """

    scope: str

    def check(
        self,
        path: str,
        value: Any,
        registry: Registry,
        *,
        default: str | None = None,
        scope: str | None = None,
    ) -> None:
        """Check a dict with a type, or a list of such, and all within."""
        if isinstance(value, list | tuple):
            for number, part in enumerate(value):
                self.check(f"{path}.{number}", part, registry, scope=scope)
        if not isinstance(value, dict):
            return
        kind = value.get("type", default)
        if kind is None:
            raise ValueError(
                f"{path} has no type, only {', '.join(map(str, value)) or 'nothing'}; "
                "say which class it is, type='...'"
            )
        scope = value.get("_scope_") or scope or self.scope
        target = find_type(kind, registry, scope)
        if target is None:
            raise ValueError(
                f"{path}.type is {kind!r}, which is no registered {registry.name}; "
                f"{suggest_type(kind, registry, scope)}"
            )
        known = arguments_of(target)
        if not known.takes_any:
            allowed = {*known.names, *_EVERYWHERE, *_EXTRA.get(registry, ())}
            given = {key: part for key, part in value.items() if key in known.names}
            unknown = {key: 0 for key in value if key not in allowed}
            check_keys(path, {**given, **unknown}, known.names, _name(target))
        for key, part in value.items():
            self._check_argument(f"{path}.{key}", key, part, target, registry)

    def check_loader(self, path: str, value: Any) -> None:
        """Check a data loader."""
        if not isinstance(value, dict):
            return
        check_keys(path, value, LOADER_KEYS, "a data loader")
        for key, registry in (
            ("dataset", root.DATASETS),
            ("sampler", root.DATA_SAMPLERS),
            ("batch_sampler", root.DATA_SAMPLERS),
            ("collate_fn", root.FUNCTIONS),
            ("worker_init_fn", root.FUNCTIONS),
        ):
            self.check(f"{path}.{key}", value.get(key), registry)

    def check_evaluator(self, path: str, value: Any) -> None:
        """Check an evaluator or its metrics."""
        if isinstance(value, dict) and "metrics" in value:
            self.check(path, value, root.EVALUATOR, default="Evaluator")
        else:
            self.check(path, value, root.METRICS)

    def check_loops(self, parts: dict[str, Any]) -> None:
        """Check the loops of training, validation and testing."""
        train = parts.get("train_cfg")
        if isinstance(train, dict) and "type" not in train:
            # Then a key that is no argument of the loop says which loop it is.
            loop = "Epoch" if train.get("by_epoch", True) else "Iter"
            train = {**train, "type": f"{loop}BasedTrainLoop"}
            train.pop("by_epoch", None)
        self.check("train_cfg", train, root.LOOPS)
        self.check("val_cfg", parts.get("val_cfg"), root.LOOPS, default="ValLoop")
        self.check("test_cfg", parts.get("test_cfg"), root.LOOPS, default="TestLoop")

    def check_optimization(self, parts: dict[str, Any]) -> None:
        """Check optimizer and learning rates."""
        wrapper = parts.get("optim_wrapper")
        # A constructor of another library has keys of its own.
        if isinstance(wrapper, dict) and "constructor" not in wrapper:
            self.check(
                "optim_wrapper", wrapper, root.OPTIM_WRAPPERS, default="OptimWrapper"
            )
            self._check_paramwise(wrapper)
        schedules = parts.get("param_scheduler")
        if isinstance(schedules, dict) and "type" not in schedules:
            for name, part in schedules.items():  # one list an optimizer
                self.check(f"param_scheduler.{name}", part, root.PARAM_SCHEDULERS)
        else:
            self.check("param_scheduler", schedules, root.PARAM_SCHEDULERS)

    def _check_paramwise(self, wrapper: dict[str, Any]) -> None:
        path = "optim_wrapper.paramwise_cfg"
        paramwise = wrapper.get("paramwise_cfg") or {}
        check_keys(path, paramwise, PARAMWISE_KEYS)
        optimizer = wrapper.get("optimizer") or {}
        target = find_type(optimizer.get("type"), root.OPTIMIZERS, self.scope)
        # Whatever else is given becomes a setting of the optimizer for these weights.
        known = {"lr_mult", "decay_mult", *arguments_of(target).names} - {"params"}
        for key, settings in (paramwise.get("custom_keys") or {}).items():
            check_keys(f"{path}.custom_keys.{key}", settings, known)

    def _check_argument(
        self, path: str, key: str, value: Any, owner: Any, registry: Registry
    ) -> None:
        """Check what a class is given, as far as it is known how it is built."""
        if isinstance(value, list | tuple):
            for number, part in enumerate(value):
                self._check_argument(f"{path}.{number}", key, part, owner, registry)
        if not isinstance(value, dict):
            return
        # The types in there are no classes (clip_grad), or layers with keys of MMCV's.
        if key == "clip_grad" or (key.endswith("_cfg") and key != "init_cfg"):
            return
        if "type" not in value:
            for name, part in value.items():
                self._check_argument(f"{path}.{name}", name, part, owner, registry)
            return
        kind = _KINDS.get(key, registry)
        scope = _FOREIGN.get((_name(owner), key))
        looked = scope or value.get("_scope_") or self.scope
        if find_type(value["type"], root.TASK_UTILS, looked):
            kind = root.TASK_UTILS  # parts of models that are no modules
        known = _is_own(owner) or key in _KINDS
        # How other libraries look for what they build is theirs to say.
        if known or find_type(value["type"], kind, looked):
            self.check(path, value, kind, scope=scope)


def _name(target: Any) -> str:
    return str(getattr(target, "__name__", target))


def _is_own(owner: Any) -> bool:
    package = str(getattr(owner, "__module__", "")).split(".")[0]
    foreign: Collection[str] = ("mmengine", "mmcv", "mmseg", "mmpretrain", "torch")
    return package not in foreign
