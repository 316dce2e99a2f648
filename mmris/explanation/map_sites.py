"""Finds what maps a model has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from .kinds import KINDS
from .sources import SOURCES, MapSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmris.models import RefSegmentor

_NUMBERED = re.compile(r"^(?P<container>.+?\.(?:blocks|levels))\.(?P<number>\d+)")


@dataclass(frozen=True)
class MapSite:
    """A module that has maps.

    Attributes:
        source: What reads them.
        name: Of the module, in the model.
        module: The module.
        place: What its maps call it.
        kinds: Which maps it has.
    """

    source: MapSource
    name: str
    module: nn.Module
    place: str
    kinds: tuple[str, ...]


def find_sites(model: RefSegmentor) -> list[MapSite]:
    """The modules of a model that have maps.

    Args:
        model: Any model.

    Returns:
        They, in the order in which their maps are shown.
    """
    sites = []
    for source in SOURCES:
        for name, module in model.named_modules():
            if isinstance(module, source.module_class):
                kinds = source.kinds(model, module)
                if kinds:
                    place = _place(model, name)
                    sites.append(MapSite(source, name, module, place, kinds))
    return sites


def list_kinds(model: RefSegmentor) -> tuple[str, ...]:
    """The kinds of maps that a model has, besides Grad-CAM, which any has.

    Args:
        model: Any model.

    Returns:
        Keys of ``KINDS``, in the order in which they are shown.
    """
    return tuple(
        dict.fromkeys(kind for site in find_sites(model) for kind in site.kinds)
    )


def check_kinds(model: RefSegmentor, kinds: Iterable[str] | None) -> frozenset[str]:
    """Refuse kinds of maps that a model does not have.

    Args:
        model: Any model.
        kinds: Which are wanted; None for all.

    Returns:
        The kinds.

    Raises:
        ValueError: There is no such kind, or the model has no such map.
    """
    there = list_kinds(model)
    if kinds is None:
        return frozenset(there)
    wanted = tuple(kinds)
    for kind in wanted:
        if kind not in there:
            has = f"it has {', '.join(there)}" if there else "it has none"
            reason = (
                f"this model has no {kind}"
                if kind in KINDS
                else f"no map is called {kind!r}"
            )
            raise ValueError(
                f"{reason}; {has}. Grad-CAM works with any layer of any model"
            )
    return frozenset(wanted)


def _place(model: RefSegmentor, name: str) -> str:
    """What the maps of a module are called."""
    found = _NUMBERED.match(name)
    if found is None:
        return name
    # Blocks inside the backbone are kept by the stage's number.
    container = model.get_submodule(found["container"])
    kind = "stage" if isinstance(container, nn.ModuleDict) else "level"
    return f"{kind}_{found['number']}"
