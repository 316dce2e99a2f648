"""PhraseCut in its published layout."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmris.datasets import (
    LoadRefImage,
    LoadRefMasks,
    PhraseCutDataset,
    index_files,
)
from tests.datasets.own_data import write_picture


def task(number, image, phrase, polygons, kind="name", **more):
    return {
        "task_id": f"{image}__{number}",
        "image_id": image,
        "ann_ids": [number * 10 + i for i in range(len(polygons))],
        "instance_boxes": [[1, 1, 4, 4]] * len(polygons),
        "Polygons": polygons,
        "phrase": phrase,
        "phrase_structure": {
            "name": phrase.strip().rpartition(" ")[2],
            "attributes": [],
            "relation_ids": [],
            "relation_descriptions": [],
            "type": kind,
        },
        **more,
    }


ARRAYS = {"gt_masks", "mask_index"}
FIRST = [[[1, 1], [6.7, 1], [6.7, 4.2], [1, 4.2]], [[5, 3], [9, 3], [9, 8], [5, 8]]]
SECOND = [[[10, 2], [12, 2], [12, 5]], [[4, 4]]]
TASKS = {
    "val": [
        task(1, 2331508, "two cars", [FIRST, SECOND]),
        task(2, 61512, "red car", [SECOND], "attribute"),
        task(3, 2331508, "car on road", [SECOND], "relation"),
        task(4, 61512, "  ", [SECOND]),
    ],
    "miniv": [task(5, 7, "sky", [[[[0, 0], [13, 0], [13, 4], [0, 4]]]], "verbose")],
}
IMAGES = [
    {"image_id": 2331508, "coco_id": 222, "flickr_id": 1, "split": "val"},
    {"image_id": 61512, "coco_id": None, "flickr_id": None, "split": "val"},
    {"image_id": 7, "coco_id": 9, "flickr_id": 3, "split": "miniv"},
    {"image_id": 8, "coco_id": 10, "flickr_id": 4, "split": "train"},
]


@pytest.fixture
def content():
    images = [{**entry, "height": 10, "width": 14, "url": "u"} for entry in IMAGES]
    return copy.deepcopy(TASKS), images


@pytest.fixture
def make(tmp_path):
    def _make(tasks, images, split="val", **options):
        for name, entries in tasks.items():
            (tmp_path / f"refer_{name}.json").write_text(json.dumps(entries))
        (tmp_path / "image_data_split3000.json").write_text(json.dumps(images))
        for number in (2331508, 61512, 7):
            path = tmp_path / "images" / f"{number}.jpg"
            write_picture(path, height=10, width=14, seed=number % 97)
        return PhraseCutDataset(split=split, data_root=str(tmp_path), **options)

    return _make


def official_mask(polygons):
    """Union over polygons drawn one by one, as PhraseCut's evaluation does."""
    total = np.zeros((10, 14), int)
    for polygon in (p for instance in polygons for p in instance):
        if len(polygon) < 2:
            continue
        picture = Image.new("L", (14, 10), 0)
        points = [(int(x), int(y)) for x, y in polygon]
        ImageDraw.Draw(picture).polygon(points, outline=1, fill=1)
        total += np.array(picture)
    return total > 0


def test_phrases_and_masks_are_those_of_the_files(content, make):
    dataset = make(*content, test_mode=True, pipeline=[LoadRefImage(), LoadRefMasks()])
    items = list(dataset)
    assert [item["image_id"] for item in items] == [2331508, 61512]
    assert [item["expressions"] for item in items] == [
        ["two cars", "car on road"],
        ["red car"],
    ]
    assert [item["ref_ids"] for item in items] == [[0, 2], [1]]
    assert [item["sent_ids"] for item in items] == [[0, 2], [1]]
    assert [item["kinds"] for item in items] == [["name", "relation"], ["attribute"]]
    assert items[0]["ann_ids"] == [[10, 11], [30]]
    for mask, entry in zip(items[0]["gt_masks"], [[FIRST, SECOND], [SECOND]]):
        np.testing.assert_array_equal(mask, official_mask(entry))
    assert items[0]["img"].shape == (10, 14, 3)


def test_the_whole_validation_set_is_two_files(content, make):
    dataset = make(*content, split="val_miniv")
    assert dataset.num_images == 3
    numbers = [
        entry["sent_id"]
        for index in range(3)
        for reference in dataset.record(index)["references"]
        for entry in reference["sentences"]
    ]
    # The second file counts on from the first, blank phrases included.
    assert sorted(numbers) == [0, 1, 2, 4]


def test_pictures_are_named_as_visual_genomes_and_cocos(content, make):
    dataset = make(*content, split="val_miniv")
    assert dataset.image_ids() == {
        "visual_genome": {2331508, 61512, 7},
        "coco": {222, 9},
    }


def test_an_index_of_large_files_gives_the_same(content, make, tmp_path, monkeypatch):
    monkeypatch.setenv(index_files.FOLDER_VARIABLE, str(tmp_path / "index"))
    options = {"split": "val_miniv", "test_mode": True, "pipeline": [LoadRefMasks()]}
    plain = list(make(*content, **options))
    monkeypatch.setattr(index_files, "SMALL", 0)
    for _ in range(2):
        dataset = make(*content, **options)
        for item, other in zip(dataset, plain, strict=True):
            assert item.keys() == other.keys()
            np.testing.assert_array_equal(item["gt_masks"], other["gt_masks"])
            assert {k: v for k, v in item.items() if k not in ARRAYS} == {
                k: v for k, v in other.items() if k not in ARRAYS | {"image_keys"}
            } | {"image_keys": [list(key) for key in other["image_keys"]]}
        assert dataset.image_ids()["coco"] == {222, 9}
        # Two splits of the same files are two indices.
        assert make(*content, split="miniv").num_images == 1
    assert len(list((tmp_path / "index").rglob("*.index"))) == 2


@pytest.mark.parametrize("split", ["valid", "val_val", "", "train_testA"])
def test_an_unknown_split_lists_the_known_ones(content, make, split):
    with pytest.raises(ValueError, match=r"split is .*'train', 'val', 'test', 'miniv'"):
        make(*content, split=split)


def test_missing_files_are_named(content, make, tmp_path):
    with pytest.raises(FileNotFoundError, match="refer_test.json: .*Set 'data_root'"):
        make(*content, split="test")
    with pytest.raises(FileNotFoundError, match="no folder of images .*'image_dir'"):
        make(*content, image_dir="VG_100K")
    (tmp_path / "image_data_split3000.json").unlink()
    with pytest.raises(FileNotFoundError, match="no file .*image_data_split3000.json"):
        PhraseCutDataset(split="val", data_root=str(tmp_path))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("task_id", ..., "entry 1 has no field 'task_id'"),
        ("task_id", "2331508__1", "task_id 2331508__1 stands twice"),
        ("image_id", "61512", "entry 1: 'image_id' is '61512'; expected int"),
        ("image_id", 5, "image_id 5 is not among the pictures of"),
        ("ann_ids", ["a"], r"entry 1 .*'ann_ids' is \['a'\]; expected ids"),
        ("phrase", None, "entry 1 .*'phrase' is None; expected str"),
        ("Polygons", ..., "entry 1 .*has no field 'Polygons'"),
        ("Polygons", [], "'Polygons' is empty"),
        ("Polygons", [[]], "an instance has no polygon of 2 points"),
        ("Polygons", [[[[1, 1]]]], "an instance has no polygon of 2 points"),
        ("Polygons", [[[1, 1], [2, 2]]], "expected, for each instance, polygons of"),
        ("Polygons", [[[[1, "a"], [2, 2]]]], "expected, for each instance"),
        ("Polygons", [3], "expected, for each instance"),
        ("instance_boxes", [[1, 1, 2, 2]] * 2, "expected one box for each of the 1"),
    ],
)
def test_a_wrong_field_of_a_phrase_is_named(content, make, field, value, message):
    tasks, images = content
    if value is ...:
        del tasks["val"][1][field]
    else:
        tasks["val"][1][field] = value
    with pytest.raises(ValueError, match=message) as caught:
        make(tasks, images)
    assert "refer_val.json" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("image_id", ..., "entry 1 has no field 'image_id'"),
        ("image_id", 2331508, "image_id 2331508 stands twice"),
        ("height", 0, "'height' is 0 and 'width' is .*; expected 1 to 16384 pixels"),
        ("width", 10**9, "'width' is 1000000000; expected 1 to"),
        ("width", 3.5, "'width' is 3.5; expected int"),
    ],
)
def test_a_wrong_field_of_a_picture_is_named(content, make, field, value, message):
    tasks, images = content
    if value is ...:
        del images[1][field]
    else:
        images[1][field] = value
    with pytest.raises(ValueError, match=message) as caught:
        make(tasks, images)
    assert "image_data_split3000.json" in str(caught.value)


def test_files_of_another_kind_are_refused(content, make):
    tasks, images = content
    with pytest.raises(ValueError, match="refer_val.json holds a dict; expected a li"):
        make({"val": {}}, images)
    with pytest.raises(ValueError, match="holds a dict; expected a list of pictures"):
        make(tasks, {})
    for entry in tasks["val"]:
        entry["phrase"] = " "
    with pytest.raises(ValueError, match="refer_val.json: no phrase has any text"):
        make(tasks, images)
