"""Lists of entries are read line by line or whole, and mistakes have their line."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from mmris.datasets.json_entries import read_json_entries

ENTRIES = [{"a": 1}, {"b": "caf\u00e9 \u2028 \U0001f408"}, 3]


def entries(path):
    return [entry for _, entry in read_json_entries(path)]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lists_and_lines_give_the_same(tmp_path, ascii_only, mark):
    lines = [json.dumps(entry, ensure_ascii=ascii_only) for entry in ENTRIES]
    (tmp_path / "a.json").write_text(
        mark + "[\n" + ",\n".join(lines) + "]", encoding="utf-8"
    )
    (tmp_path / "a.jsonl").write_text(
        mark + "\r\n\r\n".join(lines) + "\n\n", encoding="utf-8", newline=""
    )
    assert entries(tmp_path / "a.json") == entries(tmp_path / "a.jsonl") == ENTRIES


def test_places_count_lines_from_1_and_entries_from_0(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2]")
    (tmp_path / "a.jsonl").write_text("1\n\n2\n")
    places = [place for place, _ in read_json_entries(tmp_path / "a.json")]
    assert places == [
        f"{tmp_path}/a.json, entry {number} (the first is 0)" for number in (0, 1)
    ]
    places = [place for place, _ in read_json_entries(tmp_path / "a.jsonl")]
    assert places == [f"{tmp_path}/a.jsonl, line {number}" for number in (1, 3)]


def test_lines_are_not_held_in_memory(tmp_path):
    path = tmp_path / "a.jsonl"
    line = json.dumps({"mask": list(range(2000))}) + "\n"
    path.write_text(line * 400)
    tracemalloc.start()
    count = sum(1 for _ in read_json_entries(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 400
    assert path.stat().st_size > 3e6
    assert peak < 1e6


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    message = rf"{name} holds no entry \(\d bytes\)\. Write one entry for each object"
    with pytest.raises(ValueError, match=message):
        entries(tmp_path / name)


def test_an_empty_list_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(ValueError, match=r"a\.json holds no entry \(2 bytes\)"):
        entries(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            "a,b",
            r"a\.csv ends in '\.csv'; .*\.json file, or a \.jsonl.*Rename",
        ),
        (
            "a.json",
            '[{"a": 1},\n {"b": }]',
            r"a\.json is no valid JSON: Expecting value: line 2 column 8.*Correct it",
        ),
        ("a.json", '[{"a": 1}', r"a\.json is no valid JSON: .*line 1 .*cut off"),
        (
            "a.json",
            '{"a": 1}\n{"a": 2}\n',
            r"Extra data: line 2 column 1 .*If the file has one entry a line, rename",
        ),
        ("a.json", '{"a": 1}', r"a\.json holds a dict; expected a list\. Write a list"),
        (
            "a.json",
            '{"images": [], "annotations": []}',
            r"It looks like COCO's annotations, which have no sentences\. Write a list",
        ),
        (
            "a.jsonl",
            '{"a": 1}\n\n{"a" 2}\n',
            r"a\.jsonl, line 3, column 6 is no valid JSON: Expecting ':' delimiter",
        ),
        ("a.jsonl", '{"a": 1}\n{"a": ', r"line 2, column \d+ .*each complete in itsel"),
        (
            "a.jsonl",
            '[\n{"a": 1}\n]',
            r"line 1.*one list over many lines: rename it to",
        ),
        ("a.json", "[" * 100_000, r"a\.json is no valid JSON: "),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl, line 1 is no valid JSON: "),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        entries(tmp_path / name)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_another_encoding_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes('["caf\u00e9"]'.encode("latin-1"))
    with pytest.raises(ValueError, match=rf"{name} is not in UTF-8: .*Save it as UTF"):
        entries(tmp_path / name)
