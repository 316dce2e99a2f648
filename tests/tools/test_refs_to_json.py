"""The converter of refs(*).p: everything comes back, nothing is lost in silence."""

from __future__ import annotations

import json
import pickle
import shutil
import sys

import pytest

from mmris.datasets import ReferDataset
from tests.datasets.refer_folder import reference, write_refer
from tests.load_tool import load_tool


@pytest.fixture(scope="module")
def main():
    return load_tool("dataset_tools/refs_to_json").main


@pytest.fixture
def root(tmp_path):
    references = [
        reference(1, 101, "train", ("café \ud83d", "left 杯")),
        reference(2, 102, "val", box=(1, 2.5, None, True)),
    ]
    write_refer(tmp_path, references)
    return tmp_path


def records(root, split, **options):
    dataset = ReferDataset(
        dataset="cups", partition="unc", split=split, data_root=str(root), **options
    )
    return [dataset.record(image) for image in range(dataset.num_images)]


def test_the_dataset_reads_the_same_from_json(main, root, capsys):
    before = [records(root, split) for split in ("train", "val")]
    assert main([str(root / "cups")]) == 0
    target = root / "cups" / "refs(unc).json"
    assert capsys.readouterr().out == f"{target}: 2 references, 4 sentences\n"
    content = json.loads(target.read_text())
    assert content[1]["box"] == [1, 2.5, None, True]
    (root / "cups" / "refs(unc).p").unlink()
    assert [records(root, split) for split in ("train", "val")] == before


def test_real_files_keep_every_field(main, test_data, tmp_path):
    for name, partition in (("refcoco", "unc"), ("refcocog", "umd")):
        source = test_data / "mini_refcoco" / name / f"refs({partition}).p"
        shutil.copy(source, tmp_path / source.name)
        assert main([str(tmp_path / source.name)]) == 0
        converted = (tmp_path / f"refs({partition}).json").read_text()
        assert json.loads(converted) == pickle.loads(source.read_bytes())


def test_a_folder_of_datasets_is_converted_into_another(main, root, tmp_path):
    shutil.copytree(root / "cups", root / "plates")
    (root / "plates" / "refs(unc).p").rename(root / "plates" / "refs(google).p")
    (root / "plates" / "other.p").write_bytes(b"not references")
    out = tmp_path / "new" / "folder"
    assert main([str(root), "--out-dir", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "refs(google).json",
        "refs(unc).json",
    ]


def test_parquet_has_a_row_for_each_reference(main, test_data, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    source = test_data / "mini_refcoco" / "refcoco" / "refs(unc).p"
    arguments = [str(source), "--out-dir", str(tmp_path), "--format", "parquet"]
    assert main(arguments) == 0
    rows = parquet.read_table(tmp_path / "refs(unc).parquet").to_pylist()
    assert rows == pickle.loads(source.read_bytes())


def test_parquet_says_what_it_cannot_hold(main, root, capsys):
    pytest.importorskip("pyarrow")
    content = [reference(1, 101, "train"), reference(2, 102, "val", ann_id=[2])]
    (root / "cups" / "refs(unc).p").write_bytes(pickle.dumps(content))
    assert main([str(root / "cups"), "--format", "parquet"]) == 2
    printed = capsys.readouterr().err
    assert "refs(unc).parquet cannot be written: " in printed
    assert printed.endswith("Write JSON instead\n")
    assert printed.count("\n") == 1


def test_without_pyarrow_it_says_what_to_install(main, root, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main([str(root / "cups"), "--format", "parquet"]) == 2
    assert "Run: pip install pyarrow" in capsys.readouterr().err


def test_nothing_is_replaced_unasked(main, root, capsys):
    target = root / "cups" / "refs(unc).json"
    target.write_text("mine")
    assert main([str(root / "cups")]) == 2
    assert "is there already; --overwrite replaces it" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert main([str(root / "cups"), "--overwrite"]) == 0
    assert len(json.loads(target.read_text())) == 2


def test_two_files_of_one_name_are_refused(main, root, tmp_path, capsys):
    shutil.copytree(root / "cups", root / "plates")
    assert main([str(root), "--out-dir", str(tmp_path / "out")]) == 2
    assert "would both become" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"refs": []}, "holds a dict; expected a list of references"),
        ([3], "entry 0 is a int; expected a dictionary with 'ref_id'"),
        ([{"ref_id": 1}], "entry 0 has no field 'split'"),
        ([reference(1, 1, "train", box={1, 2})], "something that JSON cannot hold"),
        ([reference(1, 1, "train", box=float("nan"))], "that JSON cannot hold"),
        ([reference(1, 1, "train", box={(1, 2): 3})], "that JSON cannot hold"),
    ],
)
def test_other_pickles_are_refused(main, root, capsys, content, message):
    path = root / "cups" / "refs(unc).p"
    path.write_bytes(pickle.dumps(content))
    assert main([str(path)]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert str(path) in printed
    assert printed.count("\n") == 1


def test_where_there_is_nothing_it_says_so(main, tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "has no refs(*).p, nor have its folders" in capsys.readouterr().err
    assert main([str(tmp_path / "no")]) == 2
    assert "Give a refs(*).p, or its folder" in capsys.readouterr().err
