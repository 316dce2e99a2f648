"""The reader of pickles gives plain data and runs nothing of anything else."""

from __future__ import annotations

import builtins
import collections
import copyreg
import os
import pickle
import pickletools
import re
import struct

import numpy as np
import pytest

from mmris.datasets.safe_pickle import (
    NAMING_INSTRUCTIONS,
    PLAIN_INSTRUCTIONS,
    load_plain_pickle,
)

PLAIN = [
    {
        "ref_id": 7,
        "ann_id": 900100520707,
        "big": -(2**70),
        "area": 1.5,
        "flags": [True, False, None],
        "sentences": [{"tokens": ["a", "café"], "raw": "a café"}],
        "box": (1, 2, 3, 4, 5),
        "empty": [[], (), {}, ""],
        "two": (1, 2),
        "one": (1,),
        "long": "x" * 300,
    }
]


@pytest.fixture
def write(tmp_path):
    def _write(content: bytes):
        path = tmp_path / "refs(unc).p"
        path.write_bytes(content)
        return path

    return _write


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_comes_back_whatever_the_protocol(write, protocol):
    assert load_plain_pickle(write(pickle.dumps(PLAIN, protocol))) == PLAIN


def test_sets_come_back(write):
    value = [{1, "two"}, frozenset([3])]
    assert load_plain_pickle(write(pickle.dumps(value, 4))) == value


def test_shared_and_cyclic_lists_come_back(write):
    value: list = [1]
    value.append(value)
    loaded = load_plain_pickle(write(pickle.dumps(value)))
    assert loaded[0] == 1
    assert loaded[1] is loaded


@pytest.mark.parametrize(
    ("text", "expected"), [("café".encode(), "café"), (b"caf\xe9", "café")]
)
def test_strings_of_python_2_are_utf8_or_latin1(write, text, expected):
    short = b"U" + bytes([len(text)]) + text
    binary = b"T" + struct.pack("<I", len(text)) + text
    quoted = b"S" + repr(text)[1:].encode() + b"\n"
    content = b"\x80\x02](" + short + binary + quoted + b"L12L\ne."
    assert load_plain_pickle(write(content)) == [expected] * 3 + [12]


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


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", list(hostile("")))
def test_hostile_pickles_are_refused_and_run_nothing(write, tmp_path, name, protocol):
    marker = tmp_path / "marker"
    try:
        content = pickle.dumps(hostile(str(marker))[name], protocol)
    except (pickle.PicklingError, TypeError):
        pytest.skip("this protocol cannot write it")
    path = write(content)
    with pytest.raises(ValueError, match=r"refused.*it asks for.*JSON") as caught:
        load_plain_pickle(path)
    assert not marker.exists()
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    # Python 2's name of builtins in the old protocols
    asked = re.sub("^builtins", "(builtins|__builtin__)", name) if "." in name else ""
    assert re.search(asked, message)


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


@pytest.mark.parametrize("name", list(BY_HAND))
def test_every_instruction_beyond_plain_data_is_refused(write, tmp_path, name):
    marker = tmp_path / "marker"
    path = write(BY_HAND[name].replace(b"MARKER", str(marker).encode()))
    with pytest.raises(ValueError, match="is refused: it asks for") as caught:
        load_plain_pickle(path)
    assert not marker.exists()
    assert "\n" not in str(caught.value)


def test_an_extension_that_is_already_loaded_is_refused(write):
    copyreg.add_extension("posix", "system", 240)
    try:
        content = pickle.dumps(os.system, 2)
        assert b"\x82\xf0" in content
        pickle.loads(content)
        with pytest.raises(ValueError, match="EXT1"):
            load_plain_pickle(write(content))
    finally:
        copyreg.remove_extension("posix", "system", 240)


def test_instructions_are_known_ones():
    known = {opcode.name for opcode in pickletools.opcodes}
    assert known >= PLAIN_INSTRUCTIONS | NAMING_INSTRUCTIONS
    assert not PLAIN_INSTRUCTIONS & {"REDUCE", "BUILD", "NEWOBJ", "NEWOBJ_EX", "OBJ"}


@pytest.mark.parametrize("protocol", range(6))
def test_a_file_cut_anywhere_is_no_complete_pickle(write, protocol):
    content = pickle.dumps(PLAIN, protocol)
    for length in range(len(content)):
        path = write(content[:length])
        with pytest.raises(ValueError, match="no complete pickle") as caught:
            load_plain_pickle(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>404</html>",
        b"PK\x03\x04zip",
        b"\x80\x09.",
        b".",
        b"]]a",
        b"h\x05.",
        b"e.",
        b"}]]s.",
        b"]K\x01K\x02s.",
        b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.",
        b"I" + b"9" * 6000 + b"\n.",
        b"\xff\xfe",
        b"U\x02\xff\xfe",
    ],
)
def test_bytes_that_are_no_pickle_are_refused_by_name(write, content):
    path = write(content)
    with pytest.raises(ValueError, match=r"is refused|no complete pickle") as caught:
        load_plain_pickle(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_deep_nesting_does_no_harm(write):
    depth = 200_000
    loaded = load_plain_pickle(
        write(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".")
    )
    count = 0
    while loaded:
        loaded = loaded[0]
        count += 1
    assert count == depth - 1


def test_a_huge_memo_index_takes_no_memory(write):
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    content = b"\x80\x02]r\xf0\xff\xff\xffj\xf0\xff\xff\xffa."
    loaded = load_plain_pickle(write(content))
    assert loaded[0] is loaded
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000  # kilobytes


def test_random_changes_give_plain_data_or_one_error(write):
    content = bytearray(pickle.dumps(PLAIN, 2))
    generator = np.random.default_rng(0)
    for _ in range(400):
        changed = content.copy()
        for position in generator.integers(len(content), size=3):
            changed[position] = generator.integers(256)
        try:
            load_plain_pickle(write(bytes(changed)))
        except ValueError as error:
            assert "refs(unc).p" in str(error)  # noqa: PT017 either outcome is right
