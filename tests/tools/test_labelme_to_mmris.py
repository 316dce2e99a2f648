"""What was drawn in labelme becomes own data."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from mmris.datasets import JsonRefDataset, LoadRefMasks, decode_segmentations
from tests.datasets.own_data import write_picture
from tests.load_tool import load_tool

HEIGHT, WIDTH = 24, 30
BOX = [[3, 2], [8, 2], [8, 6], [3, 6]]


def shape(label, points, kind="polygon", **more):
    """A shape as labelme 5 writes it."""
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
        **more,
    }


def painted(mask):
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


PATCH = np.array([[1, 0, 1], [1, 1, 1]], bool)


@pytest.fixture
def drawing():
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": [
            shape("cup", BOX, description="the red cup\nthe cup on the left\n"),
            shape("dog", [[10, 10], [20, 16]], "rectangle", description="a dog"),
            shape("cup", [[22, 12], [22, 16]], "circle", description="round"),
            shape("cat", [[1, 15], [5, 15], [5, 20]], group_id=1, description="cat"),
            shape("cat", [[6, 15], [9, 15], [9, 20]], group_id=1, description="cat"),
            shape("tin", [[2, 8], [4, 9]], "mask", mask=painted(PATCH)),
            shape("way", [[1, 1], [2, 2]], "line", description="a line"),
        ],
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    }


@pytest.fixture
def convert(tmp_path, capsys):
    tool = load_tool("dataset_tools/labelme_to_mmris")

    def run(drawing, *options, name="a.json"):
        path = tmp_path / "photos" / "a.png"
        if not path.exists():
            write_picture(path, height=HEIGHT, width=WIDTH)
        (tmp_path / "photos" / name).write_text(json.dumps(drawing))
        words = [str(tmp_path / "photos"), str(tmp_path / "own.jsonl"), *options]
        return tool.main(words), capsys.readouterr()

    return run


def read(tmp_path, split=None):
    (item,) = JsonRefDataset(
        ann_file="own.jsonl",
        data_root=str(tmp_path),
        split=split,
        test_mode=True,
        pipeline=[LoadRefMasks()],
    )
    return item


def polygon(points):
    flat = [value for point in points for value in point]
    return decode_segmentations([[flat]], HEIGHT, WIDTH)


def test_descriptions_are_sentences(drawing, convert, tmp_path):
    returned, printed = convert(drawing, "--split", "val")
    assert returned == 0, printed.err
    item = read(tmp_path, "val")
    assert item["expressions"] == [
        "the red cup",
        "the cup on the left",
        "a dog",
        "round",
        "cat",
    ]
    masks = item["gt_masks"]
    for number in (0, 1):
        np.testing.assert_array_equal(masks[number], polygon(BOX))
    rectangle = np.zeros((HEIGHT, WIDTH), np.uint8)
    rectangle[10:16, 10:20] = 1
    np.testing.assert_array_equal(masks[2], rectangle)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    distance = np.hypot(columns - 22, rows - 12)
    assert masks[3][distance < 3.5].all()
    assert not masks[3][distance > 4.5].any()
    both = polygon([[1, 15], [5, 15], [5, 20]]) | polygon([[6, 15], [9, 15], [9, 20]])
    np.testing.assert_array_equal(masks[4], both)
    assert printed.out.splitlines()[:-1] == [
        "left out: 1 shapes of type 'line', which has no inside: "
        f"{tmp_path}/photos/a.json, shape 6",
        f"left out: 1 objects without a description: {tmp_path}/photos/a.json, shape 5",
    ]
    assert printed.out.endswith("1 pictures, 4 entries, 5 sentences\n")


def test_labels_mean_all_their_shapes(drawing, convert, tmp_path):
    returned, printed = convert(drawing, "--sentences", "label")
    assert returned == 0, printed.err
    item = read(tmp_path)
    assert item["expressions"] == ["cup", "dog", "cat", "tin"]
    cups, _, _, tin = item["gt_masks"]
    assert cups[3, 4] == cups[12, 22] == 1
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[8:10, 2:5] = PATCH
    np.testing.assert_array_equal(tin, expected)


def test_parts_that_are_painted_and_drawn(drawing, convert, tmp_path):
    drawing["shapes"] = [
        shape("tin", BOX, group_id=3, description="the tin"),
        shape("tin", [[2, 8], [4, 9]], "mask", group_id=3, mask=painted(PATCH)),
    ]
    assert convert(drawing)[0] == 0
    expected = polygon(BOX)
    expected[8:10, 2:5] = PATCH
    np.testing.assert_array_equal(read(tmp_path)["gt_masks"], [expected])


def test_paths_of_windows_and_of_one_file(drawing, convert, tmp_path, capsys):
    drawing["imagePath"] = "..\\photos\\a.png"
    assert convert(drawing)[0] == 0
    tool = load_tool("dataset_tools/labelme_to_mmris")
    words = [str(tmp_path / "photos" / "a.json"), str(tmp_path / "one.jsonl")]
    assert tool.main(words) == 0
    one = (tmp_path / "one.jsonl").read_text()
    assert one == (tmp_path / "own.jsonl").read_text()
    assert json.loads(one.splitlines()[0])["image"] == "photos/a.png"
    assert tool.main([str(tmp_path / "nowhere"), str(tmp_path / "two.jsonl")]) == 2
    assert "no .json file at" in capsys.readouterr().err


def test_a_picture_that_is_to_be_turned_is_refused(drawing, convert, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    path = tmp_path / "photos" / "a.png"
    write_picture(path, height=HEIGHT, width=WIDTH, exif=exif)
    returned, printed = convert(drawing)
    assert returned == 2
    assert "labelme shows it turned" in printed.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("shapes"), "a.json has no field 'shapes'"),
        (lambda d: d.pop("imagePath"), "a.json has no field 'imagePath'"),
        (lambda d: d.update(imagePath="b.png"), "no picture"),
        (lambda d: d.update(imageHeight=9), "is for a picture of (height, width) (9,"),
        (lambda d: d["shapes"][0].pop("label"), "shape 0 has no field 'label'"),
        (
            lambda d: d["shapes"][0].update(points=[[1, 1]]),
            "shape 0: 'points' of a polygon is [[1, 1]]; expected 3 or more",
        ),
        (
            lambda d: d["shapes"][1].update(points=[[1, "a"], [2, 2]]),
            "shape 1: 'points' of a rectangle is",
        ),
        (
            lambda d: d["shapes"][5].update(mask="%%", description="x"),
            "shape 5: 'mask' is no picture",
        ),
        (
            lambda d: d["shapes"][5].update(points=[[29, 8], [31, 9]], description="x"),
            "shape 5: 'mask' of (height, width) (2, 3) at x 29, y 8 leaves the picture",
        ),
        (lambda d: d.update(shapes=[]), "no shape of 1 files has a sentence: write"),
        (
            lambda d: d["shapes"][0].update(points=[[50, 50], [60, 50], [60, 60]]),
            "own.jsonl (not kept), line 1: 'mask': lies outside the picture",
        ),
    ],
)
def test_mistakes_are_one_line(drawing, convert, tmp_path, change, message):
    change(drawing)
    returned, printed = convert(drawing)
    assert returned == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.glob("*.jsonl"))
    assert not list(tmp_path.glob(".*.jsonl"))
