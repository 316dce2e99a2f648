"""Annotation files are read by their kind, and fields are checked by name."""

from __future__ import annotations

import pickle

import pytest

from mmris.datasets.annotation_checks import (
    check_unique,
    read_annotation_file,
    required_field,
)


def test_json_by_its_name_and_everything_else_as_a_pickle(tmp_path):
    (tmp_path / "a.json").write_text('[{"text": "caf\\u00e9", "id": 3}]')
    (tmp_path / "a.p").write_bytes(pickle.dumps([{"text": "café", "id": 3}], 2))
    for name in ("a.json", "a.p"):
        assert read_annotation_file(tmp_path / name) == [{"text": "café", "id": 3}]


def test_broken_files_are_named(tmp_path):
    for name in ("a.json", "a.p"):
        (tmp_path / name).write_bytes(b"[1, ")
        with pytest.raises(ValueError, match=rf"{name}.* is no complete|{name} \("):
            read_annotation_file(tmp_path / name)


def test_fields_of_the_right_type_come_back():
    assert required_field({"a": 3}, "a", int, "here") == 3
    assert required_field({"a": [3]}, "a", (int, list), "here") == [3]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([3], "here is a list; expected a dictionary with 'a'"),
        ({"b": 3, 2: 4}, r"here has no field 'a'; it has \['2', 'b'\]"),
        ({"a": "3"}, "here: 'a' is '3'; expected int or list"),
        ({"a": True}, "here: 'a' is True; expected int or list"),
        ({"a": "x" * 999}, r"here: 'a' is 'x+\.\.\.x+'; expected"),
    ],
)
def test_wrong_fields_are_named(entry, message):
    with pytest.raises(ValueError, match=message):
        required_field(entry, "a", (int, list), "here")


def test_identifiers_that_come_twice_are_named(tmp_path):
    check_unique(range(5), "ref_id", tmp_path)
    with pytest.raises(ValueError, match="ref_id 3 stands twice"):
        check_unique([1, 3, 2, 3], "ref_id", tmp_path)
