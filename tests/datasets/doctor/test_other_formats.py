"""The doctor on ReferIt and PhraseCut: counts, pictures, masks, damaged files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.io import savemat

from mmris.datasets.doctor import Options, examine
from tests.datasets.own_data import write_picture

QUERIES = {
    "30993_2": ["tallest building", "the big one"],
    "8_1": ["sky"],
    "8_2": [" "],
    "19579_1": ["of a picture that the release lacks"],
}


@pytest.fixture
def referit(tmp_path):
    (tmp_path / "referit" / "mask").mkdir(parents=True)
    for image in (30993, 8):
        write_picture(tmp_path / "referit" / "images" / f"{image}.jpg", seed=image)
    for name in ("30993_2", "8_1", "8_2"):
        outside = np.ones((12, 20), np.uint8)
        outside[2:6, 3:8] = 0
        savemat(tmp_path / f"referit/mask/{name}.mat", {"segimg_t": outside})
    for split, queries in {
        "trainval": QUERIES,
        "train": QUERIES,
        "test": {"8_1": ["sky"]},
    }.items():
        (tmp_path / f"referit_query_{split}.json").write_text(json.dumps(queries))
    return tmp_path


def polygons(left):
    return [[[[left, 1], [left + 4, 1], [left + 4, 5], [left, 5]]]]


def task(number, image, phrase="car", shapes=None):
    shapes = polygons(1) if shapes is None else shapes
    return {
        "task_id": f"{image}__{number}",
        "image_id": image,
        "ann_ids": [number],
        "instance_boxes": [[1, 1, 4, 4]] * len(shapes),
        "Polygons": shapes,
        "phrase": phrase,
        "phrase_structure": {"name": phrase, "type": "name"},
    }


@pytest.fixture
def phrasecut(tmp_path):
    folder = tmp_path / "VGPhraseCut_v0"
    folder.mkdir()
    numbers = (5, 6, 7)
    images = [
        {"image_id": n, "height": 12, "width": 20, "coco_id": None} for n in numbers
    ]
    (folder / "image_data_split3000.json").write_text(json.dumps(images))
    for n in numbers:
        write_picture(folder / "images" / f"{n}.jpg", seed=n)
    for split, tasks in {
        "train": [task(1, 5), task(2, 5)],
        "val": [task(1, 6)],
        "test": [task(1, 7)],
    }.items():
        (folder / f"refer_{split}.json").write_text(json.dumps(tasks))
    return folder


def look(root, *names, **options):
    (report,) = examine(root, names, Options(**options))
    found = {e.kind: " ".join(e.examples) for e in report.findings.sorted()}
    counts = {
        count.split: tuple(count.found.values())
        for partition in report.partitions
        for count in partition.counts
    }
    return found, counts


def test_referit_is_counted_as_it_was_published(referit):
    """With what the release lacks and what has no text, in trainval and test alone."""
    found, counts = look(referit, "referit", decode=True)
    assert counts == {"trainval": (3, 4, 5), "test": (1, 1, 1)}
    assert set(found) == {"not_published", "shared_pictures"}
    assert "published are 120,081" in found["not_published"]
    (referit / "referit_query_trainval.json").unlink()
    _, counts = look(referit)
    assert counts["train"] == (3, 4, 5)


def test_query_files_may_lie_beside_the_pictures(referit):
    for path in referit.glob("*.json"):
        path.rename(referit / "referit" / path.name)
    _, counts = look(referit)
    assert counts["trainval"] == (3, 4, 5)


def test_masks_of_referit_that_are_empty_or_missing(referit):
    folder = referit / "referit" / "mask"
    savemat(folder / "8_1.mat", {"segimg_t": np.ones((12, 20), np.uint8)})
    (folder / "30993_2.mat").unlink()
    found, _ = look(referit)
    assert "8_1.mat" in found["malformed_mask"]
    assert "30993_2.mat" in found["malformed_mask"]


def test_a_picture_of_referit_that_is_missing_or_cut_off(referit):
    picture = referit / "referit" / "images" / "30993.jpg"
    picture.write_bytes(picture.read_bytes()[:-100])
    assert "30993.jpg" in look(referit)[0]["broken_picture"]
    picture.unlink()
    found, counts = look(referit)
    assert "referit trainval: no picture" in found["unreadable_split"]
    assert counts["test"] == (1, 1, 1)


def test_phrasecut(phrasecut):
    expected = {"train": (1, 2, 2), "val": (1, 1, 1), "test": (1, 1, 1)}
    for root in (phrasecut, phrasecut.parent):
        found, counts = look(root)
        assert {k: v for k, v in counts.items() if k != "miniv"} == expected
        assert counts["miniv"] == (0, 0, 0)
        assert set(found) == {"not_published"}


def test_damages_of_phrasecut(phrasecut):
    shapes = polygons(1)
    tasks = [task(1, 6, shapes=shapes), task(2, 6, phrase=3)]
    (phrasecut / "refer_val.json").write_text(json.dumps(tasks))
    (phrasecut / "images" / "7.jpg").unlink()
    found, counts = look(phrasecut)
    assert "phrasecut val: " in found["unreadable_split"]
    assert "refer_val.json" in found["unreadable_split"]
    assert found["missing_picture"].endswith("7.jpg")
    assert counts["train"] == (1, 2, 2)


def test_pictures_of_phrasecut_in_another_place(phrasecut):
    elsewhere = phrasecut.parent / "vg"
    (phrasecut / "images").rename(elsewhere)
    assert "no folder of images" in look(phrasecut)[0]["unreadable_split"]
    assert set(look(phrasecut, image_dir=str(elsewhere))[0]) == {"not_published"}
