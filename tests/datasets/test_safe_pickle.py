"""The reader of pickles gives plain data and runs nothing of anything else."""

from __future__ import annotations

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
from tests.datasets.hostile_pickles import BY_HAND, GROWING, hostile

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


@pytest.mark.parametrize("protocol", range(6))
def test_shared_lists_come_back(write, protocol):
    shared = ["a", "cup"]
    value = [{"tokens": shared}, {"tokens": shared}, (shared, shared)]
    loaded = load_plain_pickle(write(pickle.dumps(value, protocol)))
    assert loaded == value
    assert loaded[0]["tokens"] is loaded[1]["tokens"] is loaded[2][1]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", list(GROWING))
def test_what_grows_beyond_its_file_is_refused(write, name, protocol):
    make, message = GROWING[name]
    path = write(pickle.dumps(make(), protocol))
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match=f"is refused: it .*{message}") as caught:
        load_plain_pickle(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_doubled_by_dup_is_refused(write):
    content = b"\x80\x02](K\x01K\x01e" + b"2\x86" * 60 + b"."
    with pytest.raises(ValueError, match="stands for more than"):
        load_plain_pickle(write(content))


@pytest.mark.parametrize(
    ("text", "expected"), [("café".encode(), "café"), (b"caf\xe9", "café")]
)
def test_strings_of_python_2_are_utf8_or_latin1(write, text, expected):
    short = b"U" + bytes([len(text)]) + text
    binary = b"T" + struct.pack("<I", len(text)) + text
    quoted = b"S" + repr(text)[1:].encode() + b"\n"
    content = b"\x80\x02](" + short + binary + quoted + b"L12L\ne."
    assert load_plain_pickle(write(content)) == [expected] * 3 + [12]


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
    content = b"\x80\x02]U\x03cupr\xf0\xff\xff\xffaj\xf0\xff\xff\xffa."
    assert load_plain_pickle(write(content)) == ["cup", "cup"]
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
