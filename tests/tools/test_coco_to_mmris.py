"""COCO's format becomes own data with the same masks, and what is lost is told."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from mmris.datasets import JsonRefDataset, LoadRefMasks
from tests.datasets.own_data import run_lengths, write_picture
from tests.load_tool import load_tool

HEIGHT, WIDTH = 12, 20
BOX = [[3, 2, 8, 2, 8, 6, 3, 6]]
PARTS = [[1, 8, 9, 8, 9, 11, 1, 11], [6, 7, 15, 7, 15, 10, 6, 10]]


def crowd():
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:9, 12:] = 1
    return {"size": [HEIGHT, WIDTH], "counts": run_lengths(mask)}


def annotation(number, image, segmentation, category=1, **more):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": int(isinstance(segmentation, dict)),
        "bbox": [0, 0, 1, 1],
        "area": 1.0,
        **more,
    }


@pytest.fixture
def content():
    return {
        "images": [
            {"id": 7, "file_name": "a.jpg", "height": HEIGHT, "width": WIDTH},
            {"id": 9, "file_name": "sub/b.jpg", "height": HEIGHT, "width": WIDTH},
        ],
        "annotations": [
            annotation(1, 7, BOX, caption="the box"),
            annotation(2, 7, PARTS, 2, caption=["low thing", " ", "thing of two"]),
            annotation(3, 9, crowd(), 2, caption="the crowd"),
            annotation(4, 9, BOX, 2),
            annotation(5, 9, [[0, 0, 1, 1]], caption="malformed"),
            annotation(6, 9, [[0, 0, 0, 0, 0, 0]], caption="no pixel"),
        ],
        "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "dog"}],
    }


@pytest.fixture
def convert(tmp_path, capsys):
    tool = load_tool("dataset_tools/coco_to_mmris")

    def run(content, *options, out="out/own.jsonl"):
        for number, name in enumerate(("a.jpg", "sub/b.jpg")):
            path = tmp_path / "photos" / name
            write_picture(path, height=HEIGHT, width=WIDTH, seed=number)
        (tmp_path / "instances.json").write_text(json.dumps(content))
        paths = [str(tmp_path / "instances.json"), str(tmp_path / out)]
        folder = ["--image-dir", str(tmp_path / "photos")]
        returned = tool.main([*paths, *folder, *options])
        return returned, capsys.readouterr()

    return run


def read(tmp_path, split=None):
    return JsonRefDataset(
        ann_file="own.jsonl",
        data_root=str(tmp_path / "out"),
        split=split,
        test_mode=True,
        pipeline=[LoadRefMasks()],
    )


def masks_of(tmp_path, *numbers):
    """The union of the masks that COCO's own API gives."""
    coco = COCO(str(tmp_path / "instances.json"))
    return np.max([coco.annToMask(coco.anns[number]) for number in numbers], axis=0)


def test_sentences_of_annotations(content, convert, tmp_path):
    returned, printed = convert(content, "--split", "train")
    assert returned == 0, printed.err
    first, second = read(tmp_path, "train")
    assert first["expressions"] == ["the box", "low thing", "thing of two"]
    assert second["expressions"] == ["the crowd"]
    expected = [masks_of(tmp_path, number) for number in (1, 2, 2)]
    np.testing.assert_array_equal(first["gt_masks"], expected)
    np.testing.assert_array_equal(second["gt_masks"], [masks_of(tmp_path, 3)])
    lines = printed.out.splitlines()
    assert [line for line in lines if line.startswith("left out")] == [
        "left out: 1 annotations whose segmentation is malformed (part 0 of the "
        "segmentation has 4 coordinates; a polygon needs an even number of them, 6 or "
        "more): annotation 5",
        "left out: 1 annotations whose mask has no pixel: annotation 6",
        "left out: 1 objects without a sentence in 'caption': id 4",
    ]
    assert lines[-1].endswith("own.jsonl: 2 pictures, 3 entries, 4 sentences")


def test_sentences_of_pictures_mean_all_their_objects(content, convert, tmp_path):
    content["images"][0]["words"] = ["everything"]
    content["images"][1]["words"] = "a cat"
    content["annotations"] = content["annotations"][:2]
    returned, printed = convert(content, "--text", "image", "--text-key", "words")
    assert returned == 0, printed.err
    first, second = read(tmp_path)
    assert first["expressions"] == ["everything"]
    np.testing.assert_array_equal(first["gt_masks"][0], masks_of(tmp_path, 1, 2))
    # A picture without objects: its sentence is about nothing.
    assert second["expressions"] == ["a cat"]
    assert not second["gt_masks"].any()


def test_names_of_categories_mean_all_objects_of_each(content, convert, tmp_path):
    returned, printed = convert(content, "--text", "category")
    assert returned == 0, printed.err
    first, second = read(tmp_path)
    assert first["expressions"] == ["cup", "dog"]
    assert second["expressions"] == ["dog"]
    # Polygons and the crowd's run lengths in one mask.
    np.testing.assert_array_equal(second["gt_masks"][0], masks_of(tmp_path, 3, 4))
    assert first["category_ids"] == [1, 2]


def test_real_annotations(test_data, tmp_path, capsys):
    root = test_data / "mini_refcoco"
    path = root / "refcoco" / "instances.json"
    tool = load_tool("dataset_tools/coco_to_mmris")
    images = str(root / "images/mscoco/images/train2014")
    out = str(tmp_path / "out" / "own.jsonl")
    words = [str(path), out, "--image-dir", images, "--text", "category"]
    assert tool.main(words) == 0, capsys.readouterr().err
    coco = COCO(str(path))
    content = json.loads(path.read_text())
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    seen = 0
    for item in read(tmp_path):
        number = int(item["img_path"][-16:-4])
        for name, mask in zip(item["expressions"], item["gt_masks"]):
            own = [
                coco.annToMask(entry)
                for entry in content["annotations"]
                if entry["image_id"] == number and names[entry["category_id"]] == name
            ]
            np.testing.assert_array_equal(mask, np.max(own, axis=0))
            seen += 1
    assert seen == len({(a["image_id"], a["category_id"]) for a in coco.anns.values()})
    assert coco_mask.area(coco.annToRLE(next(iter(coco.anns.values())))) > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--text-key", "words"],
            r"no annotation with a mask and a sentence in 'words'; fields there are \[",
        ),
        (["--text", "image"], r"no image with a mask and a sentence in 'caption'"),
        (["--text-key", "area"], r"id 1: 'area' is 1.0; expected a text or a list"),
    ],
)
def test_missing_sentences_are_one_line(content, convert, tmp_path, options, message):
    returned, printed = convert(content, *options)
    assert returned == 2
    assert printed.err.count("\n") == 1
    assert re.search(message, printed.err), printed.err
    assert not list(tmp_path.rglob("*.jsonl"))


def check_refused(returned, printed, message):
    assert returned == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_files_are_never_replaced_unasked(content, convert, tmp_path):
    assert convert(content)[0] == 0
    before = (tmp_path / "out" / "own.jsonl").read_bytes()
    check_refused(*convert(content), "is there already; add --overwrite")
    content["annotations"][0]["caption"] = "another"
    assert convert(content, "--overwrite")[0] == 0
    assert (tmp_path / "out" / "own.jsonl").read_bytes() != before


def test_pictures_are_compared(content, convert, tmp_path):
    content["images"][0]["height"] = HEIGHT * 2
    message = "is of (height, width) (12, 20), but its annotations are for (24, 20)"
    check_refused(*convert(content), message)
    assert not list((tmp_path / "out").iterdir())
    content["images"][0].update(height=HEIGHT, file_name="gone.jpg")
    check_refused(*convert(content), "no picture")
    check_refused(*convert(content, out="out/own.json"), "does not end in .jsonl")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("images"), "instances.json has no field 'images'"),
        (lambda c: c["images"][1].update(id=7), "id 7 stands twice in 'images'"),
        (lambda c: c["images"][0].pop("file_name"), "image 7 has no field 'file_name'"),
        (
            lambda c: c["annotations"][0].update(image_id=1),
            "annotation 1: 'image_id' 1 is not among the images",
        ),
        (
            lambda c: c["annotations"][1].update(id=1),
            "id 1 stands twice in 'annotations'",
        ),
        (lambda c: c["categories"][0].pop("name"), "category 1 has no field 'name'"),
    ],
)
def test_malformed_files_are_one_line(content, convert, change, message):
    change(content)
    check_refused(*convert(content), message)
