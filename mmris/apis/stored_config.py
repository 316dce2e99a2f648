"""The config that a checkpoint carries, made safe to build a model from.

A config of plain values can still run code: where a name in ``type`` is not registered,
MMEngine imports it and calls it, whatever it is (``type="os.system"``). And a part may
be told to fetch weights from an address. So a config from a file of unknown origin may
name only what is registered, and its weights come from the checkpoint alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mmengine import registry as root_registries
from mmengine.config import Config
from mmengine.registry import Registry

from mmris import registry as own_registries
from mmris.utils.config_text import parse_config_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Scopes whose registries may be imported because a config names them.
_LIBRARIES = ("mmseg", "mmpretrain")
# Where other weights would come from; the checkpoint has them all.
_WEIGHT_SOURCES = ("init_cfg", "pretrained")
_REMEDY = (
    "If you trust it, give the config file that it was trained with (argument 'config')"
)


def stored_config(contents: dict[str, Any], path: str | Path) -> Config:
    """The config of the training that wrote a checkpoint.

    Only ``model``, ``default_scope`` and what names the pipeline of testing are kept.
    Other sources of weights are left out of the model, but for those of the text
    encoder, which takes its tokenizer from the same place.

    Args:
        contents: What the checkpoint holds.
        path: Its path, for messages.

    Returns:
        A config that imports nothing and names registered parts only.

    Raises:
        ValueError: The checkpoint has no config, or one that could run code.
    """
    meta = contents.get("meta")
    text = meta.get("cfg") if isinstance(meta, dict) else None
    if not isinstance(text, str):
        raise ValueError(
            f"checkpoint {path} carries no config (meta.cfg), as weights alone do. "
            "Give the config that it was trained with (argument 'config')"
        )
    source = f"the config in checkpoint {path}"
    try:
        values = parse_config_text(text, source=source)
    except ValueError as error:
        raise ValueError(f"{error}. {_REMEDY}") from None
    if not isinstance(values.get("model"), dict):
        raise ValueError(f"{source} has no dict 'model'. {_REMEDY}")
    scope = values.get("default_scope", "mmris")
    if not _is_known_scope(scope):
        raise ValueError(
            f"{source} has default_scope {scope!r}, a package that would have to be "
            f"imported. {_REMEDY}, or import the package before"
        )
    model = _without_weight_sources(values["model"])
    encoder = values["model"].get("text_encoder")
    if _is_own(encoder):
        model["text_encoder"] = encoder
    kept = {"default_scope": scope, "model": model}
    for key in ("test_dataloader", "test_pipeline"):
        if key in values:
            kept[key] = _pipelines_only(values[key])
    imports = values.get("custom_imports")
    for where, section in _dicts(kept, ""):
        _check(where, section, source, imports)
    return Config(kept)


def _is_known_scope(name: Any) -> bool:
    """Whether it is a scope of the libraries or of a package imported already."""
    imported = [scope for root in _roots() for scope in root.children]
    return name in ["mmris", "mmengine", *_LIBRARIES, *imported]


def _roots() -> list[Registry]:
    return [r for r in vars(root_registries).values() if isinstance(r, Registry)]


def _without_weight_sources(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_weight_sources(entry)
            for key, entry in value.items()
            if key not in _WEIGHT_SOURCES
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_without_weight_sources(entry) for entry in value)
    return value


def _is_own(part: Any) -> bool:
    """Whether a dict names a part of mmris's own registry, by a bare name."""
    if not isinstance(part, dict) or "_scope_" in part:
        return False
    kind = part.get("type")
    return isinstance(kind, str) and kind in own_registries.MODELS.module_dict


def _pipelines_only(value: Any) -> Any:
    """Of datasets, wrapped or not, what inference asks for: the pipelines."""
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for key in ("dataset", "datasets", "pipeline"):
        if key in value:
            entry = value[key]
            parts = isinstance(entry, (list, tuple)) and key == "datasets"
            kept[key] = (
                [_pipelines_only(part) for part in entry]
                if parts
                else _pipelines_only(entry)
            )
    return kept


def _dicts(value: Any, where: str) -> Iterator[tuple[str, dict[Any, Any]]]:
    """All dicts inside a value, with their keys from the top."""
    if isinstance(value, dict):
        yield where, value
        for key, entry in value.items():
            yield from _dicts(entry, f"{where}.{key}" if where else str(key))
    elif isinstance(value, (list, tuple, set)):
        for position, entry in enumerate(value):
            if isinstance(entry, str):
                # Lists of words are checked as the values of dicts are.
                yield where, {position: entry}
            else:
                yield from _dicts(entry, f"{where}.{position}")


def _check(where: str, section: dict[Any, Any], source: str, imports: Any) -> None:
    kind = section.get("type")
    if kind is not None and not _is_registered(kind):
        hint = f" (its custom_imports is {imports!r})" if imports else ""
        raise ValueError(
            f"{source} has {where}.type {kind!r}, which is no registered part{hint}, "
            f"and is refused because it could run code. {_REMEDY}, or import the "
            "package that registers it before"
        )
    if not _is_known_scope(section.get("_scope_", "mmris")):
        raise ValueError(
            f"{source} has {where}._scope_ {section['_scope_']!r}, a package that "
            f"would have to be imported. {_REMEDY}"
        )
    if section.get("trust_remote_code"):
        raise ValueError(
            f"{source} has {where}.trust_remote_code, which runs code from the "
            f"internet. {_REMEDY}"
        )
    for key, value in section.items():
        if isinstance(value, str) and "://" in value:
            raise ValueError(
                f"{source} has {where}.{key} {value!r}, an address, and nothing is "
                f"fetched for a checkpoint. {_REMEDY}"
            )


def _is_registered(name: Any) -> bool:
    """Whether a registry has a name, without MMEngine's import of what none has."""
    if not isinstance(name, str):
        return False
    scope, dot, bare = name.rpartition(".")
    if any(bare in node.module_dict for node in _filled(scope or "mmris")):
        return True
    # Inside a part of another library a bare name means that library's.
    return not dot and any(
        bare in node.module_dict
        for other in ("mmengine", *_LIBRARIES)
        for node in _filled(other)
    )


def _filled(scope: str) -> Iterator[Registry]:
    """Registries of a scope, filled one after the other, that of models first.

    Nothing is imported but mmseg and mmpretrain; another scope has registries only if
    its package was imported already.
    """
    if scope in _LIBRARIES:
        importlib.import_module(f"{scope}.registry")
    nodes = [node for root in _roots() for node in (root, *root.children.values())]
    for node in sorted(nodes, key=lambda node: node.name != "model"):
        if node.scope == scope:
            node.import_from_location()
            yield node
