"""Reads a pickle of plain data and refuses every other without running any of it.

A pickle is a program, and the referring data sets are published as pickles that travel
through many hands. The reader here knows only the instructions that build lists,
tuples, dictionaries, sets, strings and numbers. It stops at the first other one, before
that one does anything.

A pickle may also name the same list again and again, so that a few bytes stand for more
than any memory holds once somebody writes it out or compares it. What grows beyond its
file in this way, or contains itself, is refused as well.
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


# How many values a file may stand for, in values for each of its bytes. Without
# repetition a value takes one byte or more.
MAX_GROWTH = 4
_CONTAINERS = (list, tuple, dict, set, frozenset)


class _RefusedError(Exception):
    """The pickle asks for more than plain data."""


class _RepeatedError(Exception):
    """The pickle names its own parts again and again."""


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
    # Whether a list or another container was named a second time.
    repeats = False
    stack: list[Any]

    def find_class(self, module: str, name: str) -> NoReturn:
        raise _RefusedError(f"{module}.{name}"[:100])

    def note_repetition(self) -> None:
        """Look at what an instruction has put on the stack from before."""
        if isinstance(self.stack[-1], _CONTAINERS):
            self.repeats = True


def _noting(instruction: Instruction) -> Instruction:
    def run(unpickler: _PlainUnpickler) -> None:
        instruction(unpickler)
        unpickler.note_repetition()

    return run


for _opcode in pickletools.opcodes:
    if _opcode.name in ("GET", "BINGET", "LONG_BINGET", "DUP"):
        _code = ord(_opcode.code)
        _PlainUnpickler.dispatch[_code] = _noting(_PlainUnpickler.dispatch[_code])


def _check_growth(value: Any, limit: int) -> None:
    """Refuse what is larger than the limit once its parts are written out.

    Args:
        value: What was read.
        limit: Most values.
    """
    # A depth-first walk without recursion: a container is counted when all that it
    # holds is.
    sizes: dict[int, int] = {}
    waiting: list[Any] = [value]
    open_containers: set[int] = set()
    while waiting:
        current = waiting[-1]
        if id(current) in sizes or not isinstance(current, _CONTAINERS):
            waiting.pop()
            continue
        parts = _parts(current)
        if id(current) not in open_containers:
            open_containers.add(id(current))
            inner = [part for part in parts if isinstance(part, _CONTAINERS)]
            if any(id(part) in open_containers for part in inner):
                raise _RepeatedError("contains itself")
            waiting += [part for part in inner if id(part) not in sizes]
            continue
        waiting.pop()
        open_containers.remove(id(current))
        sizes[id(current)] = size = 1 + sum(sizes.get(id(part), 1) for part in parts)
        if size > limit:
            raise _RepeatedError(f"stands for more than {limit} values")


def _parts(container: Any) -> list[Any]:
    if isinstance(container, dict):
        return [*container.keys(), *container.values()]
    return list(container)


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
            call, names its own parts again until they stand for far more than the file
            holds, or is no complete pickle. Nothing of it was run.
    """
    content = Path(path).read_bytes()
    try:
        try:
            return _load(content, "utf-8")
        except UnicodeDecodeError:
            return _load(content, "latin-1")
    except _RefusedError as refused:
        raise ValueError(
            f"{path} is refused: it asks for {str(refused)!r}, and a pickle of "
            "annotations needs only lists, dictionaries, strings and numbers. Nothing "
            "was run. Do not open it with pickle; take the annotations from their "
            "source and save them as JSON under the same name ending in .json"
        ) from None
    except _RepeatedError as repeated:
        raise ValueError(
            f"{path} ({len(content)} bytes) is refused: it {repeated}, by naming its "
            "own parts again. Take the annotations from their source"
        ) from None
    except _MALFORMED as error:
        raise ValueError(
            f"{path} ({len(content)} bytes) is no complete pickle: "
            f"{type(error).__name__} {str(error)[:100]!r}. Copy or download it again"
        ) from None


def _load(content: bytes, encoding: str) -> Any:
    unpickler = _PlainUnpickler(io.BytesIO(content), encoding=encoding)
    value = unpickler.load()
    if unpickler.repeats:
        _check_growth(value, MAX_GROWTH * len(content) + 1000)
    return value
