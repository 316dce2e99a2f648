"""A picture has the same name in every dataset that shows it."""

from __future__ import annotations

import pytest

from mmris.datasets import JsonRefDataset, ReferDataset, ShapesRefDataset
from mmris.datasets.image_keys import file_key
from tests.datasets.own_data import POLYGON, write_entries, write_picture
from tests.datasets.test_base_ref_dataset import Records


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("a/COCO_train2014_000000000009.jpg", 9),
        ("b/COCO_val2014_000000581929.jpg", 581929),
        ("COCO_train2014_000000000009_3.jpg", 9),
        ("coco/train2017/000000000139.jpg", 139),
        ("val2017/000000000139.png", 139),
    ],
)
def test_cocos_own_names_are_cocos_pictures(path, number):
    assert file_key(path) == ("coco", number)


@pytest.mark.parametrize(
    "path", ["mine/000000000139.jpg", "train2017/139.jpg", "COCO_train2014_9.jpg"]
)
def test_other_names_are_paths(path, tmp_path):
    assert file_key(str(tmp_path / path)) == ("files", str(tmp_path / path))


def test_links_of_folders_are_resolved(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert file_key(f"{tmp_path}/link/a.png") == file_key(f"{tmp_path}/real/a.png")
    assert file_key(f"{tmp_path}/real/a.png") != file_key(f"{tmp_path}/real/b.png")


class Named(Records):
    def load_data_list(self):
        records = super().load_data_list()
        records[0]["image_keys"] = [("visual_genome", 7), ("coco", 9)]
        records[1]["image_keys"] = []
        return records


def test_image_ids_are_those_of_the_items():
    dataset = Named()
    assert dataset.image_keys(0) == (("visual_genome", 7), ("coco", 9))
    ids = dataset.image_ids()
    assert ids.keys() == {"visual_genome", "coco", "files"}
    assert ids["coco"] == {9}
    assert {path[-5:] for path in ids["files"]} == {"1.png", "2.png"}
    assert len(ids["files"]) == 2
    # The first image has the first two sentences.
    assert dataset.get_subset(2).image_ids() == {"visual_genome": {7}, "coco": {9}}
    assert dataset.item_images().tolist() == [0] * 2 + [1] * 8 + [2] * 4


def test_real_datasets_name_cocos_pictures(test_data):
    root = str(test_data / "mini_refcoco")
    names = [("refcoco", "unc", "val"), ("refcocog", "umd", "val")]
    ids = [
        ReferDataset(dataset=d, partition=p, split=s, data_root=root).image_ids()
        for d, p, s in names
    ]
    assert ids[0] == ids[1] == {"coco": {252219, 261888, 311303, 547336}}


def test_scenes_are_named_by_seed_split_and_index():
    def ids(**options):
        return ShapesRefDataset(num_images=2, **options).image_ids()["shapes"]

    assert ids(split="train") == ids(split="train", expressions_per_scene=2)
    assert not ids(split="train") & ids(split="val")
    assert not ids(split="train") & ids(split="train", scene_seed=1)


def test_own_pictures_of_two_files_are_the_same_by_path(tmp_path):
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / "b.png")
    names = {"one": ["a.png", "b.png"], "two": ["b.png"]}
    ids = []
    for name, images in names.items():
        entries = [{"image": i, "mask": [POLYGON], "sentences": "box"} for i in images]
        path = write_entries(tmp_path / f"{name}.json", entries)
        ids.append(
            JsonRefDataset(ann_file=path.name, data_root=str(tmp_path)).image_ids()[
                "files"
            ]
        )
    assert ids[0] & ids[1] == {str(tmp_path / "b.png")}
