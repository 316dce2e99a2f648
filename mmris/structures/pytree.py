"""Registers a frozen dataclass as a pytree, for ``torch.export`` and ``torch.func``."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from collections.abc import Callable

ValueType = TypeVar("ValueType")


def register_pytree(
    *, structural: tuple[str, ...] = ()
) -> Callable[[type[ValueType]], type[ValueType]]:
    """Make the fields of a dataclass the children of a pytree node.

    Rebuilding skips ``__post_init__``: tracers pass placeholders through the tree that
    have no shape to check.

    Args:
        structural: Names of the fields that hold no tensors and belong to the shape of
            the tree.

    Returns:
        A class decorator.
    """

    def register(cls: type[ValueType]) -> type[ValueType]:
        _register(cls, structural)
        return cls

    return register


def _register(cls: type[Any], structural: tuple[str, ...]) -> None:
    names = [field.name for field in fields(cls)]
    children = [name for name in names if name not in structural]

    def flatten(value: Any) -> tuple[list[Any], Any]:
        return (
            [getattr(value, name) for name in children],
            tuple(getattr(value, name) for name in structural),
        )

    def flatten_with_keys(value: Any) -> tuple[list[Any], Any]:
        values, context = flatten(value)
        keys = [pytree.GetAttrKey(name) for name in children]
        return list(zip(keys, values, strict=True)), context

    def unflatten(values: Any, context: Any) -> Any:
        rebuilt = object.__new__(cls)
        pairs = [
            *zip(children, values, strict=True),
            *zip(structural, context, strict=True),
        ]
        for name, value in pairs:
            object.__setattr__(rebuilt, name, value)
        return rebuilt

    pytree.register_pytree_node(
        cls,
        flatten,
        unflatten,
        serialized_type_name=f"{cls.__module__}.{cls.__name__}",
        flatten_with_keys_fn=flatten_with_keys,
    )
