"""Pickles that want to run something, to fill the memory, or to take for ever."""

from __future__ import annotations

import builtins
import collections
import os
import pickle
import struct

import numpy as np


class Reduce:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Plain:
    pass


def hostile(marker: str):
    command = f"touch {marker}"
    code = f"open({marker!r}, 'w')"
    built = Plain()
    built.x = 1
    return {
        "posix.system": Reduce(os.system, command),
        "builtins.eval": Reduce(builtins.eval, code),
        "builtins.exec": Reduce(builtins.exec, code),
        "builtins.getattr": Reduce(getattr, "x", "upper"),
        "io.open": Reduce(open, marker, "w"),
        "nested": [{"a": (1, Reduce(builtins.eval, code))}],
        "reduce in reduce": Reduce(Reduce, Reduce(os.system, command)),
        "object": built,
        "function": os.system,
        "collections": collections.OrderedDict(a=1),
        "numpy": np.float32(1.0),
    }


INSTANCE = b"(S'touch MARKER'\niposix\nsystem\n."
BY_HAND = {
    "INST": INSTANCE,
    "OBJ": b"(cposix\nsystem\nS'touch MARKER'\no.",
    "NEWOBJ": b"\x80\x02cposix\nsystem\nU\x0ctouch MARKER\x85\x81.",
    "REDUCE on data": b"]S'x'\n\x85R.",
    "BUILD on data": b"]}b.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x05posix\x8c\x06system\x93.",
    "EXT1": b"\x80\x02\x82\x01.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "PERSID": b"Psecret\n.",
    "BINPERSID": b"U\x01xQ.",
    "BYTEARRAY8": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "bytes": b"\x80\x03C\x01x.",
    "name with a line break": b"\x80\x04\x8c\x03a\nb\x8c\x03c\nd\x93.",
}


def _doubled(times, make):
    value = make("red", "cup")
    for _ in range(times):
        value = make(value, value)
    return value


def itself(make):
    value: list = []
    value.append(make(value))
    return value


GROWING = {
    "lists": (lambda: _doubled(60, lambda *pair: list(pair)), "more than"),
    "tuples": (lambda: _doubled(60, lambda *pair: pair), "more than"),
    "dictionaries": (lambda: _doubled(60, lambda a, b: {"a": a, "b": b}), "more than"),
    "one list many times": (lambda: [["cup"] * 3000] * 3000, "more than"),
    "a list in itself": (lambda: itself(lambda value: value), "contains itself"),
    "a list in its tuple": (lambda: itself(lambda v: (v, 1)), "contains itself"),
    "a list in its dictionary": (lambda: itself(lambda v: {1: v}), "contains itself"),
}


def write_all(marker):
    """Contents of hostile files by name; each would leave the marker, or never end."""
    found = {}
    for name, value in hostile(str(marker)).items():
        for protocol in (0, 2, 4):
            try:
                found[f"{name}, protocol {protocol}"] = pickle.dumps(value, protocol)
            except (pickle.PicklingError, TypeError):
                continue
    for name, content in BY_HAND.items():
        found[name] = content.replace(b"MARKER", str(marker).encode())
    for name, (make, _) in GROWING.items():
        found[name] = pickle.dumps(make(), 2)
    sound = pickle.dumps([{"ref_id": 1, "split": "train"}], 2)
    found["cut"] = sound[: len(sound) // 2]
    found["huge string"] = b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x."
    found["huge number"] = b"\x80\x02\x8b\xff\xff\xff\x7f."
    found["deep"] = b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."
    return found
