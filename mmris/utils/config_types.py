"""What the ``type`` of a config names, and which arguments it takes."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmengine.registry import Registry

# Packages whose classes are named with their scope.
SCOPES = ("mmseg", "mmpretrain")
# Packages whose classes are no user's.
LIBRARIES = ("mmris", "mmengine", "mmcv", *SCOPES)
_CLOSE = 0.6


@dataclass(frozen=True)
class Arguments:
    """What a class or function takes.

    Attributes:
        names: Names of the arguments.
        takes_any: Whether there is no end to them.
    """

    names: frozenset[str]
    takes_any: bool


def arguments_of(target: Any) -> Arguments:
    """Read the arguments of a class or function, also those handed on by ``**kwargs``.

    Args:
        target: A class or function.

    Returns:
        Its arguments. Those handed on are taken from the classes that it derives from,
        as far up as there is a ``**kwargs``.
    """
    names: set[str] = set()
    steps = target.__mro__ if inspect.isclass(target) else (target,)
    for step in steps:
        if inspect.isclass(step) and "__init__" not in vars(step):
            continue
        function = step.__init__ if inspect.isclass(step) else step
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (ValueError, TypeError):  # written in C
            return Arguments(frozenset(names), takes_any=True)
        named = [
            p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        ]
        names.update(p.name for p in named if p.name != "self")
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return Arguments(frozenset(names), takes_any=False)
        if step is object:
            break
    return Arguments(frozenset(names), takes_any=True)


def default_of(target: Any, name: str) -> Any:
    """Read what an argument of a class is where a config does not give it.

    Args:
        target: A class.
        name: Name of the argument.

    Returns:
        The default. :attr:`inspect.Parameter.empty` if there is none, and where nobody
        can know: a class of a user's that hands on by ``**kwargs`` what it is given may
        add the argument itself.
    """
    for step in target.__mro__ if inspect.isclass(target) else ():
        if "__init__" not in vars(step) or step is object:
            continue
        parameters = inspect.signature(vars(step)["__init__"]).parameters
        if name in parameters:
            return parameters[name].default
        hands_on = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        if not hands_on or step.__module__.partition(".")[0] not in LIBRARIES:
            break
    return inspect.Parameter.empty


def find_type(name: Any, registry: Registry, scope: str) -> Any:
    """Look up what a ``type`` names.

    Args:
        name: A name, bare or with a scope, or a class or function itself.
        registry: MMEngine's root registry of its kind.
        scope: Where bare names are looked for.

    Returns:
        The class or function, None if there is none of this name.
    """
    if not isinstance(name, str):
        return name if callable(name) else None
    if not all(name.split(".")):  # MMEngine would fail in its search for modules
        return None
    with registry.switch_scope_and_registry(scope) as scoped:
        return scoped.get(name)


def suggest_type(name: Any, registry: Registry, scope: str) -> str:
    """Say what could have been meant by a ``type`` that names nothing.

    Args:
        name: The name.
        registry: MMEngine's root registry of its kind.
        scope: Where bare names are looked for.

    Returns:
        A question with the nearest names, or where to look.
    """
    if not isinstance(name, str):
        return "give the name of a registered class"
    for other in SCOPES:  # imports them
        find_type(f"{other}.{name.rpartition('.')[2]}", registry, scope)
    bare = name.rpartition(".")[2]
    names = {entry: entry for entry in registry.module_dict}
    for child_scope, child in registry.children.items():
        prefix = "" if child_scope == scope else f"{child_scope}."
        names.update({f"{prefix}{entry}": entry for entry in child.module_dict})
    exact = sorted(full for full, entry in names.items() if entry == bare)
    if not exact:
        close = difflib.get_close_matches(bare, set(names.values()), n=1, cutoff=_CLOSE)
        # DenseCRF is far from DenseCRFPostProcessing, and means it.
        if bare and not close:
            close = [entry for entry in names.values() if entry.startswith(bare)]
        exact = sorted(full for full, entry in names.items() if entry in close)
    if exact:
        return f"did you mean {' or '.join(map(repr, exact[:3]))}?"
    return (
        "check the name; classes of your own become known by custom_imports "
        "(docs/en/config.md)"
    )


def suggest_name(name: str, known: Iterable[str]) -> str:
    """Say what could have been meant by a name.

    Args:
        name: The name.
        known: Those there are.

    Returns:
        A question with the nearest, or the list of them.
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=_CLOSE)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(names)}" if names else "it takes none"
