"""Real photographs in the layout of REFER: masks, splits and layout errors."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmris.datasets import LoadRefImage, LoadRefMasks, ReferDataset
from mmris.datasets.masks import encode_mask
from mmris.registry import DATASETS
from tests.conftest import REPOSITORY
from tests.datasets.own_data import run_lengths, write_picture

PARTITIONS = {"refcoco": "unc", "refcocog": "umd", "grefcoco": "unc"}
# Ids of mini_refcoco's annotations of crowds.
CROWDS = {900100520707, 900100129648, 900100005001}
IMAGES = "images/mscoco/images/train2014"


def make(data_root, dataset="refcoco", split="train", **options):
    options.setdefault("partition", PARTITIONS.get(dataset, "unc"))
    return ReferDataset(
        dataset=dataset, split=split, data_root=str(data_root), **options
    )


@pytest.fixture(scope="module")
def expected(test_data):
    return json.loads((test_data / "mini_refcoco" / "expected.json").read_text())


@pytest.fixture
def root(test_data):
    return test_data / "mini_refcoco"


@pytest.mark.parametrize("name", list(PARTITIONS))
def test_every_mask_and_sentence_equals_the_official_apis(root, expected, name):
    seen = {}
    for split, counts in expected[name]["splits"].items():
        dataset = make(
            root, name, split, test_mode=True, pipeline=[LoadRefImage(), LoadRefMasks()]
        )
        items = [dataset[index] for index in range(len(dataset))]
        # The one reference without sentences is the only one of its picture.
        silent = counts.get("num_refs_without_sentences", 0)
        assert len(items) == dataset.num_images == counts["num_images"] - silent
        num_refs = counts["num_refs"] - silent
        assert len({ref for i in items for ref in i["ref_ids"]}) == num_refs
        assert sum(len(i["expressions"]) for i in items) == counts["num_sentences"]
        for item in items:
            assert item["img"].shape == (item["height"], item["width"], 3)
            for k, sent_id in enumerate(item["sent_ids"]):
                mask = item["gt_masks"][k]
                digest = hashlib.sha256(np.packbits(mask > 0).tobytes()).hexdigest()
                seen[str(sent_id)] = {
                    "ref_id": item["ref_ids"][k],
                    "ann_id": item["ann_ids"][k],
                    "image_id": item["image_id"],
                    "split": split,
                    "height": mask.shape[0],
                    "width": mask.shape[1],
                    "sent": item["expressions"][k],
                    "area": int(mask.sum()),
                    "mask_sha256": digest,
                }
                assert mask.max() == (1 if item["ann_ids"][k] else 0)
    official = copy.deepcopy(expected[name]["sentences"])
    for entry in official.values():
        entry.pop("api_area", None)
        numbers = entry["ann_id"]
        numbers = numbers if isinstance(numbers, list) else [numbers]
        entry["ann_id"] = [n for n in numbers if n != -1 and n not in CROWDS]
        assert entry.pop("no_target", False) is (not entry["ann_id"])
    assert seen == official


def test_targets_are_one_several_or_none_as_published(root, expected):
    for split, counts in expected["grefcoco"]["splits"].items():
        dataset = make(root, "grefcoco", split)
        records = [dataset.record(i) for i in range(dataset.num_images)]
        references = [r for record in records for r in record["references"]]
        sizes = [len(reference["ann_ids"]) for reference in references]
        without_sentences = counts["num_refs_without_sentences"]
        assert sizes.count(0) == counts["num_no_target_refs"]
        assert sizes.count(1) == counts["num_single_target_refs"]
        assert (
            sum(size > 1 for size in sizes) + without_sentences
            == (counts["num_multi_target_refs"])
        )
        empty = [len(r["sentences"]) for r in references if not r["ann_ids"]]
        assert sum(empty) == counts["num_no_target_sentences"]


def test_sentences_are_those_of_the_split(root, expected):
    sentences = sorted(make(root, split="val").sentences())
    official = expected["refcoco"]["sentences"].values()
    assert sentences == sorted(e["sent"] for e in official if e["split"] == "val")


def test_testing_keeps_the_order_of_the_file(root):
    dataset = make(root, split="test", test_mode=True, sampling="reference")
    items = [dataset[index] for index in range(len(dataset))]
    # The file is ordered by descending image id, testA and testB among each other.
    ids = [item["image_id"] for item in items]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3 + 5
    for index, item in enumerate(items):
        record = dataset.record(index)
        in_file = [s for r in record["references"] for s in r["sentences"]]
        assert item["expressions"] == [s["text"] for s in in_file]
        assert item["sent_ids"] == [s["sent_id"] for s in in_file]
        assert item["kinds"] == [""] * len(in_file)


def test_text_field_raw_gives_the_text_as_typed(root):
    cleaned, typed = (
        list(make(root, text_field=field).sentences()) for field in ("sent", "raw")
    )
    assert len(cleaned) == len(typed)
    assert cleaned != typed
    assert any(text != text.lower() for text in typed)
    assert all(text == text.lower() for text in cleaned)


def test_records_hold_only_what_is_needed(root):
    record = make(root).record(0)
    assert set(record) == {
        "image_id",
        "img_path",
        "height",
        "width",
        "references",
        "sample_idx",
    }
    assert set(record["references"][0]) == {
        "ref_id",
        "ann_ids",
        "category_id",
        "num_distractors",
        "segmentations",
        "sentences",
    }


def test_indices_take_the_first_images(root):
    assert make(root, indices=3).num_images == 3
    assert (
        make(root, indices=[0, 2], test_mode=True)[1]["image_id"]
        == (make(root, test_mode=True)[2]["image_id"])
    )


def test_lazy_datasets_read_at_the_first_access(root):
    dataset = make(root, lazy_init=True)
    assert not dataset._fully_initialized
    assert len(dataset) == 129


@pytest.mark.parametrize(
    ("config", "folder", "partition", "images", "splits"),
    [
        (
            "refclef",
            "refclef",
            "unc",
            "saiapr_tc-12",
            {"train": [0], "val": [1], "testA": [2, 4], "testB": [3], "testC": [4]},
        ),
        (
            "refclef_berkeley",
            "refclef",
            "berkeley",
            "saiapr_tc-12",
            {"train": [0], "val": [1], "test": [2, 3, 4]},
        ),
        (
            "rrsisd",
            "rrsisd",
            "unc",
            "rrsisd/JPEGImages",
            {"train": [0], "val": [1], "test": [2, 3, 4]},
        ),
    ],
)
def test_configs_read_run_lengths_in_their_folders(
    tmp_path, config, folder, partition, images, splits
):
    """RefCLEF and RRSIS-D as published: lists of one run-length encoding."""
    names = ["train", "val", "testA", "testB", "testAC"]
    if "test" in splits:
        names = ["train", "val", "test", "test", "test"]
    random = np.random.default_rng(0)
    masks = random.random((5, 9, 14)) < 0.4
    references, annotations, pictures = [], [], []
    for number, (split, mask) in enumerate(zip(names, masks)):
        image, annotation = 100 + number, 10 + number
        write_picture(tmp_path / "images" / images / f"{image}.jpg", height=9, width=14)
        pictures.append(
            {"id": image, "file_name": f"{image}.jpg", "height": 9, "width": 14}
        )
        encoding = {"size": [9, 14], "counts": run_lengths(mask)}
        if number % 2:
            encoding = encode_mask(mask)
        annotations.append(
            {
                "id": annotation,
                "image_id": image,
                "category_id": 2,
                "segmentation": [encoding],
                "bbox": [0, 0, 1, 1],
                "iscrowd": 0,
                "area": int(mask.sum()),
            }
        )
        text = {"sent": f"thing {number}", "raw": f"Thing {number}", "tokens": []}
        references.append(
            {
                "ref_id": number,
                "ann_id": annotation,
                "image_id": image,
                "category_id": 2,
                "file_name": f"{image}_1.jpg",
                "split": split,
                "sent_ids": [number],
                "sentences": [{"sent_id": number, **text}],
            }
        )
    (tmp_path / folder).mkdir()
    (tmp_path / folder / f"refs({partition}).p").write_bytes(
        pickle.dumps(references, 2)
    )
    content = {"images": pictures, "annotations": annotations, "categories": []}
    (tmp_path / folder / "instances.json").write_text(json.dumps(content))

    file = REPOSITORY / "configs" / "_base_" / "datasets" / f"{config}.py"
    options = {
        **Config.fromfile(file).test_dataloader.dataset,
        "data_root": str(tmp_path),
        "pipeline": [LoadRefImage(), LoadRefMasks()],
    }
    for split, numbers in splits.items():
        items = list(DATASETS.build({**options, "split": split}))
        assert [item["ref_ids"] for item in items] == [[n] for n in numbers]
        for item, number in zip(items, numbers):
            np.testing.assert_array_equal(item["gt_masks"][0], masks[number])
            assert item["expressions"] == [f"thing {number}"]
    ids = DATASETS.build({**options, "split": "val"}).image_ids()
    if folder == "refclef":
        assert ids == {"saiapr": {101}}
    else:
        assert ids == {"files": {str(tmp_path / "images" / images / "101.jpg")}}


@pytest.fixture
def copied(root, tmp_path):
    """A data root of one's own, with annotations of refcoco and no picture."""
    shutil.copytree(root / "refcoco", tmp_path / "data" / "refcoco")
    (tmp_path / "data" / IMAGES).mkdir(parents=True)
    return tmp_path / "data"


def test_the_copied_layout_is_right(copied):
    assert len(make(copied)) == 129


def test_any_folder_name_is_a_data_set(copied):
    (copied / "refcoco").rename(copied / "my cups")
    assert len(make(copied, "my cups")) == 129


def test_an_absolute_folder_of_images_is_taken(copied, root):
    (copied / IMAGES).rmdir()
    dataset = make(copied, image_dir=str(root / IMAGES))
    assert Path(dataset.record(0)["img_path"]).is_file()


def test_a_missing_folder_says_what_is_there_and_how_it_must_look(copied):
    message = (
        r"no file .*refcoco\+/instances.json: in .*data there is images, refcoco\. "
        r"Expected are refcoco\+/instances.json, refcoco\+/refs\(unc\).p and "
        r"images/mscoco/images/train2014/\*.jpg below data_root='.*data'"
    )
    with pytest.raises(FileNotFoundError, match=message):
        make(copied, "refcoco+")


def test_a_missing_data_root_names_the_nearest_folder(tmp_path):
    (tmp_path / "here").mkdir()
    with pytest.raises(FileNotFoundError, match=r"in .* there is here\. Expected are"):
        make(tmp_path / "no" / "such")


def test_long_listings_are_cut(tmp_path):
    for number in range(20):
        (tmp_path / f"{number:02d}").mkdir()
    with pytest.raises(FileNotFoundError, match=r"00, .*, 11 and 8 more\. Expected"):
        make(tmp_path)


def test_a_data_root_one_level_too_high_or_too_low_is_corrected(copied):
    for wrong in (copied.parent, copied / "refcoco"):
        message = rf"It lies one level off: set data_root='{copied}'"
        with pytest.raises(FileNotFoundError, match=message):
            make(wrong)


def test_missing_instances_are_named(copied):
    (copied / "refcoco" / "instances.json").unlink()
    message = r"no file .*instances.json: in .*refcoco there is refs\(unc\).p"
    with pytest.raises(FileNotFoundError, match=message):
        make(copied)


def test_a_missing_folder_of_images_is_named(copied):
    (copied / IMAGES).rmdir()
    message = (
        r"no folder of images .*train2014: in .*images there is nothing.*image_dir"
    )
    with pytest.raises(FileNotFoundError, match=message):
        make(copied)


@pytest.mark.parametrize("there", ["images/mscoco/images", "pictures/train2014"])
def test_an_image_folder_one_level_off_is_found(copied, there):
    records = make(copied, image_dir=IMAGES, test_mode=True)
    name = Path(records.record(0)["img_path"]).name
    (copied / IMAGES).rmdir()
    (copied / there).mkdir(parents=True, exist_ok=True)
    (copied / there / name).touch()
    wanted = IMAGES if there.startswith("images") else "pictures/val2014"
    message = rf"The pictures lie one level off: set image_dir='{copied / there}'"
    with pytest.raises(FileNotFoundError, match=message):
        make(copied, image_dir=wanted)


def test_unknown_partition_and_split_list_what_there_is(root):
    with pytest.raises(FileNotFoundError, match=r"partitions there: \['unc'\]"):
        make(root, partition="google")
    with pytest.raises(ValueError, match=r"has \['testA', 'testB', 'train', 'val'\]"):
        make(root, split="minival")
