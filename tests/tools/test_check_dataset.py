"""The doctor as a program: what it prints, writes and returns."""

from __future__ import annotations

import json

import pytest

from tests.datasets.refer_folder import reference, write_refer
from tests.load_tool import load_tool


@pytest.fixture(scope="module")
def main():
    return load_tool("dataset_tools/check_dataset").main


@pytest.fixture
def root(tmp_path):
    write_refer(tmp_path, [reference(1, 101, "train"), reference(2, 102, "val")])
    return tmp_path


def test_whole_data_end_with_0(main, root, capsys, tmp_path):
    report = tmp_path / "report.json"
    assert main([str(root), "--json", str(report)]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("0 kinds of error, 0 kinds of warning, 1 kind of note\n")
    content = json.loads(report.read_text())
    assert content["findings"] == {"error": 0, "warning": 0, "note": 1}
    assert content["datasets"][0]["folder"] == str(root / "cups")


def test_errors_end_with_1_and_what_is_left_out_is_not_looked_at(main, root, capsys):
    (root / "images").rename(root / "photographs")
    assert main([str(root)]) == 1
    assert "error    folders of pictures that are not there: 1" in (
        capsys.readouterr().out
    )
    assert main([str(root), "--no-pictures"]) == 0
    folder = "photographs/mscoco/images/train2014"
    assert main([str(root), "--image-dir", folder, "--decode"]) == 0
    (root / "cups").rename(root / "refcoco")
    assert main([str(root), "--no-pictures"]) == 0
    assert main([str(root), "--no-pictures", "--strict"]) == 1


def test_nothing_to_examine_is_one_line(main, root, capsys):
    assert main([str(root / "cups" / "no")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: no folder ")
    assert printed.count("\n") == 1
    assert main([str(root), "--datasets", "plates"]) == 2
    assert "no dataset plates" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_one_line(main, root, capsys):
    assert main([str(root), "--json", str(root)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
