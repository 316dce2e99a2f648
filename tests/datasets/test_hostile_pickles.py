"""Whoever reads a hostile refs(*).p runs nothing of it and says one line."""

from __future__ import annotations

import json

import pytest

from mmris.datasets import ReferDataset
from mmris.datasets.doctor import Options, examine
from tests.datasets.hostile_pickles import write_all
from tests.datasets.refer_folder import reference, write_refer
from tests.load_tool import load_tool

NAMES = list(write_all("marker"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_refer(root, [reference(1, 101, "train")])
    return root


@pytest.fixture(scope="module")
def convert():
    return load_tool("dataset_tools/refs_to_json").main


def test_there_are_many():
    assert len(NAMES) > 40


@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs_and_one_line_names_the_file(root, convert, capsys, name):
    marker = root / "marker"
    path = root / "cups" / "refs(unc).p"
    path.write_bytes(write_all(marker)[name])

    with pytest.raises(ValueError, match=r"refs\(unc\)\.p") as caught:
        ReferDataset(
            dataset="cups", partition="unc", split="train", data_root=str(root)
        )
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500

    assert convert([str(path)]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert str(path) in printed
    assert printed.count("\n") == 1
    assert not path.with_suffix(".json").exists()

    (report,) = examine(root, ["cups"], Options(pictures=False))
    findings = json.dumps(report.to_json())
    assert "error" in findings
    assert "refs(unc).p" in findings
    assert not marker.exists()
