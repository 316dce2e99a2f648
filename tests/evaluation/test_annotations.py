import json

import pytest

from mmris.datasets.masks import encode_mask
from mmris.evaluation import category_names, open_annotations, read_ground_truth
from tests.datasets.own_data import box_mask, write_picture


def test_folders_in_the_layout_of_refer(test_data):
    folder = test_data / "mini_refcoco"
    dataset = open_annotations(folder / "refcoco", split="val")
    images = list(read_ground_truth(dataset))
    assert len(images) == 4
    assert sum(len(image.sentences) for image in images) == 47
    assert category_names(dataset)[1] == "person"


def test_distractors_are_counted_among_all_annotations(test_data):
    folder = test_data / "mini_refcoco" / "refcoco"
    content = json.loads((folder / "instances.json").read_text())
    known = {entry["id"]: entry for entry in content["annotations"]}
    dataset = open_annotations(folder, split="val")
    seen = set()
    for index in range(dataset.num_images):
        for reference in dataset.record(index)["references"]:
            own = known[reference["ann_ids"][0]]
            others = [
                entry
                for entry in content["annotations"]
                if entry["image_id"] == own["image_id"]
                and entry["category_id"] == own["category_id"]
                and entry["id"] != own["id"]
                and not entry["iscrowd"]
            ]
            assert reference["num_distractors"] == len(others)
            seen.add(len(others))
    assert len(seen) > 2


def test_lists_of_ones_own(tmp_path):
    write_picture(tmp_path / "picture.png")
    entry = {
        "image": "picture.png",
        "mask": encode_mask(box_mask()),
        "sentences": ["the box", "it"],
        "category": "box",
    }
    (tmp_path / "own.json").write_text(json.dumps([entry, entry]))
    dataset = open_annotations(tmp_path / "own.json")
    (image,) = read_ground_truth(dataset)
    assert [entry.facts.num_distractors for entry in image.sentences] == [1] * 4
    assert [entry.position for entry in image.sentences] == [0, 1, 0, 1]
    assert category_names(dataset) == {1: "box"}


def test_what_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no annotations .*gone.json"):
        open_annotations(tmp_path / "gone.json")
    with pytest.raises(FileNotFoundError, match="has no refs.*configs/_base_/datasets"):
        open_annotations(tmp_path, split="val")
    for partition in ("unc", "google"):
        (tmp_path / f"refs({partition}).p").write_bytes(b"")
    with pytest.raises(ValueError, match=r"partitions \['google', 'unc'\]; say which"):
        open_annotations(tmp_path, split="val")
    with pytest.raises(ValueError, match="has several splits; say which with --split"):
        open_annotations(tmp_path, partition="unc")
    (tmp_path / "empty.py").write_text("model = dict()\n")
    with pytest.raises(ValueError, match="has no test_dataloader"):
        open_annotations(tmp_path / "empty.py")
