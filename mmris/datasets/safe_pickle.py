"""Reads a pickle of plain data and refuses every other without running any of it.

A pickle is a program, and the referring data sets are published as pickles that travel
through many hands. The reader here knows only the instructions that build lists,
tuples, dictionaries, sets, strings and numbers. It stops at the first other one, before
that one does anything.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    Instruction = Callable[[Any], None]

_PLAIN = """
PROTO FRAME STOP MARK POP POP_MARK DUP PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET
LONG_BINGET NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT
BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE
BINUNICODE8 EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
EMPTY_DICT DICT SETITEM SETITEMS EMPTY_SET ADDITEMS FROZENSET
"""
PLAIN_INSTRUCTIONS = frozenset(_PLAIN.split())
# They name a class or a function; find_class below refuses whatever the name.
NAMING_INSTRUCTIONS = frozenset(["GLOBAL", "STACK_GLOBAL", "INST"])

# What the reader raises on bytes that are no pickle, or only the start of one.
_MALFORMED = (
    pickle.UnpicklingError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
)


class _RefusedError(Exception):
    """The pickle asks for more than plain data."""


def _refusal(name: str) -> Instruction:
    def refuse(_: Any) -> NoReturn:
        raise _RefusedError(f"the pickle instruction {name}")

    return refuse


def _instructions() -> dict[int, Instruction]:
    allowed = PLAIN_INSTRUCTIONS | NAMING_INSTRUCTIONS
    # ord(code) -> method; the interpreter's own methods run the allowed ones.
    known: dict[int, Instruction] = pickle._Unpickler.dispatch
    return {
        ord(opcode.code): known[ord(opcode.code)]
        if opcode.name in allowed
        else _refusal(opcode.name)
        for opcode in pickletools.opcodes
    }


# The interpreter's reader written in Python, not the one in C: its table of
# instructions can be cut down, and a large memo index costs no memory.
class _PlainUnpickler(pickle._Unpickler):
    dispatch = _instructions()

    def find_class(self, module: str, name: str) -> NoReturn:
        raise _RefusedError(f"{module}.{name}"[:100])


def load_plain_pickle(path: str | Path) -> Any:
    """Read a pickle of lists, tuples, dictionaries, sets, strings and numbers.

    All protocols are read, Python 2's strings as UTF-8 or, where they are not, as
    Latin-1.

    Args:
        path: The file.

    Returns:
        What was pickled.

    Raises:
        ValueError: The file asks for anything else, such as a class or a function to
            call, or is no complete pickle. Nothing of it was run.
    """
    content = Path(path).read_bytes()
    try:
        try:
            return _PlainUnpickler(io.BytesIO(content), encoding="utf-8").load()
        except UnicodeDecodeError:
            return _PlainUnpickler(io.BytesIO(content), encoding="latin-1").load()
    except _RefusedError as refused:
        raise ValueError(
            f"{path} is refused: it asks for {str(refused)!r}, and a pickle of "
            "annotations needs only lists, dictionaries, strings and numbers. Nothing "
            "was run. Do not open it with pickle; take the annotations from their "
            "source and save them as JSON under the same name ending in .json"
        ) from None
    except _MALFORMED as error:
        raise ValueError(
            f"{path} ({len(content)} bytes) is no complete pickle: "
            f"{type(error).__name__} {str(error)[:100]!r}. Copy or download it again"
        ) from None
