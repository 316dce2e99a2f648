"""Archives become datasets that are examined, and read."""

from __future__ import annotations

import json
import os
import zipfile

import pytest

from mmris.datasets import ReferDataset
from mmris.datasets.doctor import count_checks
from mmris.datasets.published_counts import PublishedCount, PublishedNumber
from tests.datasets.refer_folder import IMAGES, reference, write_refer
from tests.load_tool import load_tool


@pytest.fixture(scope="module")
def main():
    return load_tool("dataset_tools/prepare").main


@pytest.fixture
def archives(tmp_path, monkeypatch):
    """refcoco.zip and train2014.zip of few references, which count as published."""
    source = tmp_path / "source"
    entries = [reference(1, 101, "train"), reference(2, 102, "val")]
    folder = write_refer(source, entries, dataset="refcoco")
    annotations, photographs = tmp_path / "refcoco.zip", tmp_path / "train2014.zip"
    with zipfile.ZipFile(annotations, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"refcoco/{path.name}")
    with zipfile.ZipFile(photographs, "w") as archive:
        for path in (source / IMAGES).iterdir():
            archive.write(path, f"train2014/{path.name}")
    one, two = PublishedNumber(1, "test"), PublishedNumber(2, "test")
    rows = [
        PublishedCount("refcoco", "unc", s, one, one, two) for s in ("train", "val")
    ]
    monkeypatch.setattr(count_checks, "PUBLISHED_COUNTS", rows)
    monkeypatch.chdir(tmp_path)
    return str(annotations), str(photographs)


def test_annotations_and_photographs_become_a_dataset(main, archives, tmp_path, capsys):
    assert main([*archives]) == 0
    printed = capsys.readouterr().out
    assert "wrote 2 in refcoco: instances.json, refs(unc).p\n" in printed
    assert f"wrote 2 in {IMAGES}: " in printed
    assert "nothing to complain about" in printed
    dataset = ReferDataset(
        dataset="refcoco",
        partition="unc",
        split="val",
        data_root=str(tmp_path / "data"),
    )
    assert os.path.isfile(dataset.record(0)["img_path"])
    assert main([*archives]) == 0
    assert "kept 2 in refcoco" in capsys.readouterr().out


def test_annotations_alone_are_examined_without_photographs(main, archives, capsys):
    assert main([archives[0], "--root", "elsewhere"]) == 0
    printed = capsys.readouterr().out
    assert "refcoco: no pictures in " in printed
    assert "nothing to complain about" in printed
    assert main([archives[1], "--root", "third"]) == 0
    assert "no dataset to examine yet" in capsys.readouterr().out


def test_referit_and_phrasecut_are_examined_as_well(main, tmp_path, capsys):
    queries, phrases = tmp_path / "referit.zip", tmp_path / "VGPhraseCut_v0.zip"
    with zipfile.ZipFile(queries, "w") as archive:
        archive.writestr("referit_query_test.json", '{"8_1": ["sky"]}')
    with zipfile.ZipFile(phrases, "w") as archive:
        image = {"image_id": 5, "height": 12, "width": 20, "coco_id": None}
        archive.writestr(
            "VGPhraseCut_v0/image_data_split3000.json", json.dumps([image])
        )
    root = str(tmp_path / "data")
    assert main([str(queries), "--root", root]) == 1
    printed = capsys.readouterr().out
    assert "referit: no pictures in " in printed
    assert "counts that differ from the published ones" in printed
    assert main([str(phrases), "--root", root]) == 1
    printed = capsys.readouterr().out
    assert "VGPhraseCut_v0: no pictures in " in printed
    assert "referit: no pictures in " not in printed


def test_what_is_not_the_published_set_ends_with_1(main, archives, monkeypatch, capsys):
    monkeypatch.undo()
    root = os.path.join(os.path.dirname(archives[0]), "data")
    assert main([archives[0], "--root", root]) == 1
    assert "error    counts that differ from the published ones" in (
        capsys.readouterr().out
    )
    assert main([archives[0], "--root", root, "--no-check"]) == 0


def test_photographs_complete_what_was_there(main, archives, tmp_path, capsys):
    main([archives[0]])
    capsys.readouterr()
    with zipfile.ZipFile(archives[1]) as archive:
        name = archive.namelist()[0]
    with zipfile.ZipFile(tmp_path / "part.zip", "w") as archive:
        archive.writestr(name, b"broken")
    assert main([str(tmp_path / "part.zip")]) == 1
    printed = capsys.readouterr().out
    assert "error    pictures that are not there: 1" in printed
    assert "error    pictures that cannot be read: 1" in printed
    # Nothing is replaced unasked.
    assert main([archives[1]]) == 2
    assert main([archives[1], "--overwrite"]) == 0


def test_a_dry_run_writes_nothing(main, archives, tmp_path, capsys):
    assert main([*archives, "--dry-run"]) == 0
    assert "would write 2 in refcoco: " in capsys.readouterr().out
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["no.zip", "page.zip", "folder"])
def test_what_is_no_archive_is_one_line(main, tmp_path, name, capsys):
    (tmp_path / "page.zip").write_bytes(b"<html>")
    (tmp_path / "folder").mkdir()
    assert main([str(tmp_path / name), "--root", str(tmp_path / "data")]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert str(tmp_path / name) in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "data").exists()
