"""A user's own file becomes records, and its mistakes are found when it is read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from mmris.datasets import (
    JsonRefDataset,
    LoadRefImage,
    LoadRefMasks,
    ShapesRefDataset,
    json_ref_dataset,
)
from mmris.registry import DATASETS
from tests.datasets.own_data import (
    HEIGHT,
    POLYGON,
    WIDTH,
    box_mask,
    write_entries,
    write_picture,
)

LOW = [1, 8, 19, 8, 19, 11, 1, 11]


def entry(image="a.png", **more):
    return {"image": image, "mask": [POLYGON], "sentences": ["the box"], **more}


ENTRIES = [
    entry(sentences=["the upper box", "box"], split="train", kind="place"),
    entry("b.png", mask="b_mask.png", mask_value=2, split="val", category="box"),
    entry("./a.png", mask=[LOW], sentences="the lower box", split="train"),
    entry("c.png", split="train", category="tin"),
]


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate("abc"):
        write_picture(tmp_path / f"{name}.png", seed=number)
    Image.fromarray(box_mask() * 2).save(tmp_path / "b_mask.png")
    return tmp_path


def make(root, entries=ENTRIES, *, name="own.jsonl", **options):
    write_entries(root / name, entries)
    return JsonRefDataset(ann_file=name, data_root=str(root), **options)


def test_an_entry_about_nothing_has_an_empty_mask(root):
    nothing = {"image": "a.png", "sentences": ["a dog", "cat"], "no_target": True}
    entries = [entry(), nothing]
    dataset = make(root, entries, test_mode=True, pipeline=[LoadRefMasks()])
    assert dataset[0]["gt_masks"].any((1, 2)).tolist() == [True, False, False]
    assert dataset[0]["ann_ids"] == [[0], [], []]
    assert dataset[0]["ref_ids"] == [0, 1, 1]


@pytest.mark.parametrize("name", ["own.json", "own.jsonl"])
def test_entries_of_a_picture_become_one_record(root, name):
    dataset = make(root, name=name, split="train", test_mode=True)
    assert dataset.num_images == len(dataset) == 2
    record = dataset.record(0)
    assert record["img_path"] == f"{root}/a.png"
    assert (record["image_id"], record["height"], record["width"]) == (0, HEIGHT, WIDTH)
    upper, lower = record["references"]
    assert (upper["ref_id"], lower["ref_id"]) == (0, 2)
    assert upper["sentences"] == [
        {"sent_id": 0, "text": "the upper box", "kind": "place"},
        {"sent_id": 1, "text": "box", "kind": "place"},
    ]
    assert lower["sentences"] == [{"sent_id": 3, "text": "the lower box", "kind": ""}]
    # Numbers count over the file, so that they mean the same in every split.
    assert dataset.record(1)["image_id"] == 2
    assert dataset.categories == {"box": 1, "tin": 2}
    assert dataset.record(1)["references"][0]["category_id"] == 2


def test_items_have_their_picture_and_masks(root):
    pipeline = [LoadRefImage(), LoadRefMasks()]
    dataset = make(root, split="train", test_mode=True, pipeline=pipeline)
    item = dataset[0]
    with Image.open(root / "a.png") as image:
        np.testing.assert_array_equal(item["img"][..., ::-1], np.asarray(image))
    assert item["expressions"] == ["the upper box", "box", "the lower box"]
    lower = np.zeros((HEIGHT, WIDTH), np.uint8)
    lower[8:11, 1:19] = 1
    np.testing.assert_array_equal(item["gt_masks"], [box_mask(), box_mask(), lower])
    (item,) = make(root, split="val", test_mode=True, pipeline=pipeline)
    np.testing.assert_array_equal(item["gt_masks"], [box_mask()])


def test_without_a_split_the_whole_file_is_taken(root):
    assert make(root, test_mode=True).num_images == 3
    plain = [entry("b.png"), entry("a.png")]
    assert sorted(make(root, plain).sentences()) == ["the box", "the box"]


@pytest.mark.parametrize(
    ("sampling", "count"), [("sentence", 4), ("reference", 3), ("image", 2)]
)
def test_every_way_of_sampling(root, sampling, count):
    assert len(make(root, split="train", sampling=sampling)) == count


def test_pictures_and_masks_in_folders_of_their_own(root):
    for name in "abc":
        (root / "pictures").mkdir(exist_ok=True)
        (root / f"{name}.png").rename(root / "pictures" / f"{name}.png")
    (root / "masks").mkdir()
    (root / "b_mask.png").rename(root / "masks" / "b_mask.png")
    options = {"image_dir": "pictures", "mask_dir": "masks"}
    dataset = make(root, test_mode=True, **options)
    assert dataset.record(1)["img_path"] == f"{root}/pictures/b.png"
    absolute = {key: str(root / value) for key, value in options.items()}
    assert make(root, test_mode=True, **absolute).record(1) == dataset.record(1)


def test_absolute_paths_need_no_folder(root):
    entries = [entry(str(root / "b.png"), mask=str(root / "b_mask.png"))]
    write_entries(root / "deep" / "own.json", entries)
    dataset = JsonRefDataset(ann_file=str(root / "deep" / "own.json"))
    assert dataset.record(0)["img_path"] == str(root / "b.png")


def test_generated_scenes_survive_the_way_through_a_file(tmp_path):
    scenes = ShapesRefDataset(split="val", num_images=3, test_mode=True)
    entries = []
    for number in range(3):
        record = scenes.record(number)
        picture = scenes.load_image(record)
        Image.fromarray(picture[..., ::-1]).save(tmp_path / f"{number}.png")
        for reference in record["references"]:
            entries.extend(
                {
                    "image": f"{number}.png",
                    "image_id": record["image_id"],
                    "mask": reference["segmentations"][0],
                    "sentences": sentence["text"],
                    "kind": sentence["kind"],
                }
                for sentence in reference["sentences"]
            )
    pipeline = [LoadRefImage(), LoadRefMasks()]
    written = make(tmp_path, entries, test_mode=True, pipeline=pipeline)
    scenes.pipeline = written.pipeline
    for found, expected in zip(written, scenes, strict=True):
        for key in ("image_id", "height", "width", "expressions", "kinds"):
            assert found[key] == expected[key]
        for key in ("img", "gt_masks"):
            np.testing.assert_array_equal(found[key], expected[key])


def test_the_registry_and_workers_take_it(root):
    config = {"type": "JsonRefDataset", "ann_file": "own.jsonl", "lazy_init": True}
    write_entries(root / "own.jsonl", ENTRIES)
    dataset = DATASETS.build({**config, "data_root": str(root), "split": "train"})
    assert not dataset._fully_initialized
    assert len(dataset) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"imag": "a.png"},
            r"own\.jsonl, line 5 has the unknown key 'imag'; did you m",
        ),
        ({"mask": None}, r"own\.jsonl, line 5 has no 'mask'; write polygons"),
        ({"mask": [[1, 2, 3]]}, r"line 5: 'mask': part 0 .* has 3 coordinates"),
        ({"mask": "no.png"}, r"line 5: 'mask': no mask .*no\.png"),
        ({"sentences": [" "]}, r"line 5: sentence 0 .* is ' ', which names nothing"),
        (
            {"image": "d.png"},
            r"line 5: 'image': no picture .*d\.png: in .* there is a\.",
        ),
        (
            {"image": "own.jsonl"},
            r"line 5: 'image': .*own\.jsonl \(\d+ bytes\) begins w",
        ),
        ({"image_id": 3}, r"line 5 has 'image_id', but the entries before have none"),
        (
            {"split": None},
            r"line 5 has no 'split', but the split 'train' is wanted\. W",
        ),
    ],
)
def test_mistakes_are_found_when_the_file_is_read(root, change, message):
    bad = {**entry("c.png", split="train"), **change}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        make(root, [*ENTRIES, bad], split="train")


def test_mistakes_of_form_are_found_in_every_split(root):
    bad = {**entry("c.png", split="val"), "sentense": "x"}
    with pytest.raises(ValueError, match=r"line 5 has the unknown key 'sentense'"):
        make(root, [*ENTRIES, bad], split="train")


def test_pictures_of_other_splits_may_be_missing(root):
    assert len(make(root, [*ENTRIES, entry("d.png", split="test")], split="val")) == 1


def test_an_unknown_split_lists_the_known_ones(root):
    message = r"own\.jsonl has no split 'test'; it has \['train', 'val'\]\. Set 'split'"
    with pytest.raises(ValueError, match=message):
        make(root, split="test")


def test_a_file_without_entries_is_refused(root):
    with pytest.raises(ValueError, match=r"own\.jsonl holds no entry"):
        make(root, [])


def test_a_missing_file_says_what_is_there(root):
    message = (
        r"no file .*own\.jsonl: in .* there is a\.png, b\.png.*Set 'data_root' and"
    )
    with pytest.raises(FileNotFoundError, match=message):
        JsonRefDataset(ann_file="own.jsonl", data_root=str(root))


@pytest.mark.parametrize(
    ("data_root", "ann_file"),
    [("", "own.jsonl"), ("cups/more", "own.jsonl"), ("pots", "own.jsonl")],
)
def test_a_data_root_one_level_off_is_found(tmp_path, data_root, ann_file):
    write_entries(tmp_path / "cups" / "own.jsonl", ENTRIES)
    message = (
        r"It lies one level off, at .*/cups/own\.jsonl: set 'data_root' of the dat"
    )
    with pytest.raises(FileNotFoundError, match=message):
        JsonRefDataset(ann_file=ann_file, data_root=str(tmp_path / data_root))
    with pytest.raises(FileNotFoundError, match=message):
        JsonRefDataset(ann_file=str(tmp_path / data_root / ann_file))


def test_an_image_folder_one_level_off_is_found(root):
    (root / "pictures").mkdir()
    for name in "abc":
        (root / f"{name}.png").rename(root / "pictures" / f"{name}.png")
    message = rf"line 1: 'image': no picture .*set image_dir='{root}/pictures'"
    for wrong in ("", "photos", "pictures/train"):
        with pytest.raises(FileNotFoundError, match=message):
            make(root, image_dir=wrong)


def test_photographs_that_exif_data_turn_are_told(root, monkeypatch):
    said = []
    monkeypatch.setattr(
        json_ref_dataset, "print_log", lambda text, **_: said.append(text)
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "b.jpg"):
        write_picture(root / name, exif=exif)
    entries = [entry("a.jpg"), entry("a.jpg"), entry("b.jpg"), entry("c.png")]
    dataset = make(root, entries, pipeline=[LoadRefImage(), LoadRefMasks()])
    assert dataset[0]["img"].shape[:2] == dataset[0]["gt_masks"].shape[1:]
    (message,) = said
    assert "EXIF data of 2 pictures" in message
    assert "the first of them a.jpg" in message
    turned = entry("a.jpg", mask={"size": [WIDTH, HEIGHT], "counts": [WIDTH * HEIGHT]})
    with pytest.raises(ValueError, match="a photograph that its EXIF data turn"):
        make(root, [turned])


def test_records_are_plain_and_small(root):
    outline = [value for x in range(400) for value in (x / 40, 2 + x % 2)]
    record = make(root, [entry(mask=[outline])]).record(0)
    (segmentation,) = record["references"][0]["segmentations"]
    assert set(segmentation) == {"size", "counts"}
    assert len(segmentation["counts"]) < 100
    json.dumps(record)
