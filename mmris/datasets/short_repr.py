"""Shows a value from a file in a message, whatever it is and however large."""

from __future__ import annotations

import reprlib
from typing import Any

_LENGTH = 80


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 20
        self.maxdict = 6
        self.maxstring = _LENGTH

    def repr_int(self, value: int, level: int) -> str:
        # Python refuses to write numbers of thousands of digits.
        if value.bit_length() > 64:
            return f"a number of {value.bit_length()} bits"
        return repr(value)


def short_repr(value: Any) -> str:
    """The representation of a value, shortened to one line.

    ``repr`` would stop at lists within lists beyond Python's stack and at huge numbers,
    and write all of what is cut afterwards.

    Args:
        value: Plain data.

    Returns:
        At most 80 characters.
    """
    return _Short().repr(value)[:_LENGTH]
