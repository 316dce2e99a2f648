"""Parts of a model, by the names that a config gives them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Container


def find_parts(
    model: nn.Module, pattern: str, *, key: str, in_pieces: Container[type] = ()
) -> dict[str, nn.Module]:
    """The parts that a name means, each run as a whole.

    Args:
        model: The model.
        pattern: Name of a part, such as ``"decode_head"``; ``*`` stands for any name at
            its place.
        key: Config key that gives the name, for the message.
        in_pieces: Classes of which no part is run as a whole.

    Returns:
        The parts by their names.

    Raises:
        ValueError: There is none, or one is never run as a whole.
    """
    wanted = pattern.split(".")
    found = {
        name: part
        for name, part in model.named_modules()
        if len(name.split(".")) == len(wanted)
        and all(map(fnmatchcase, name.split("."), wanted))
    }
    if not found:
        raise ValueError(
            f"{key} names {pattern!r}, but the model has no such part; name one of "
            "those that print(model) shows, such as 'decode_head'"
        )
    for name, part in found.items():
        pieces = any(kind in in_pieces for kind in type(part).__mro__)
        if pieces or type(part).forward is nn.Module.forward:
            raise ValueError(
                f"{key} names {pattern!r}, but {name} is never run as a whole; name "
                f"parts of it, such as {name}.*"
            )
    return found
