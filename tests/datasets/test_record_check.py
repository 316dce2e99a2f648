"""A record of a dataset of one's own that lacks something is refused by its place."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from mmris.datasets import BaseRefDataset, LoadRefImage, LoadRefMasks

HEIGHT, WIDTH = 30, 40
SENTENCE = {"sent_id": 3, "text": "the left one", "kind": ""}
REFERENCE = {
    "ref_id": 1,
    "ann_ids": [5],
    "category_id": 0,
    "segmentations": [[[2, 2, 12, 2, 12, 9, 2, 9]]],
    "sentences": [SENTENCE],
}
RECORD = {
    "image_id": 7,
    "img_path": "a.png",
    "height": HEIGHT,
    "width": WIDTH,
    "references": [REFERENCE],
}


class Own(BaseRefDataset):
    def __init__(self, record, **options):
        self.of_file = [copy.deepcopy(RECORD), record]
        super().__init__(**options)

    def load_data_list(self):
        return self.of_file


class OwnPictures(Own):
    def load_image(self, record):
        return np.zeros((record["height"], record["width"], 3), np.uint8)


def changed(key, value):
    """The record with a value by dotted key; ``...`` takes the key out."""
    record = copy.deepcopy(RECORD)
    *places, last = key.split(".")
    target = record
    for place in places:
        target = target[int(place)] if isinstance(target, list) else target[place]
    if isinstance(target, list):
        target[int(last)] = value
    elif value is ...:
        del target[last]
    else:
        target[last] = value
    return record


FIELDS = [
    *("image_id", "height", "width", "references"),
    *(
        f"references.0.{name}"
        for name in ("ref_id", "ann_ids", "category_id", "segmentations", "sentences")
    ),
    *(f"references.0.sentences.0.{name}" for name in ("sent_id", "text", "kind")),
]


@pytest.mark.parametrize("key", FIELDS)
@pytest.mark.parametrize("test_mode", [False, True])
def test_each_field_must_be_there(key, test_mode):
    name = key.split(".")[-1]
    with pytest.raises(ValueError, match=f"^Own : record 1.* has no {name!r}; it is "):
        Own(changed(key, ...), test_mode=test_mode)


@pytest.mark.parametrize("key", FIELDS)
@pytest.mark.parametrize("value", [None, 1.5, {"a": 1}, True])
def test_each_field_is_of_its_kind(key, value):
    name = key.split(".")[-1]
    with pytest.raises(ValueError, match=f"^Own : record 1.*{name!r} is .*; it is "):
        Own(changed(key, value))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("references", [], "record 1 has no references"),
        ("references.0", "the box", "reference 0 is 'the box'; expected a dictionary"),
        ("height", 0, "height and width are 0 and 40"),
        ("img_path", ..., "neither 'img_path' nor 'file_name'"),
        ("references.0.sentences", [], "reference 0 has no sentences"),
        ("references.0.sentences.0.text", "  ", "sentence 0 is '  ', which names noth"),
        ("references.0.ann_ids", [5, 6], "2 'ann_ids' and 1 'segmentations'"),
        ("references.0.segmentations", [], "1 'ann_ids' and 0 'segmentations'"),
        ("references.0.segmentations", [[[2, 2, 9]]], "has 3 coordinates"),
        ("references.0.segmentations", [{"count": "a"}], "part 0 of the segmentation"),
        (
            "references.0.segmentations",
            [[[42, 2, 48, 2, 48, 9]]],
            "x 42 to 48 and y 2 to 9, lies outside of the picture of height 30",
        ),
        ("references.0.segmentations", [[[2, 31, 9, 31, 9, 34]]], "y 31 to 34, lies"),
        ("references.0.segmentations", [[[-9, 2, 0, 2, 0, 9]]], "x -9 to 0 and"),
        (
            "references.0.segmentations",
            [[[0.1, 0.2, 0.8, 0.2, 0.8, 0.9]]],
            "is less than one pixel of .* multiply shares by width and height",
        ),
        (
            "references.0.segmentations",
            [{"size": [WIDTH, HEIGHT], "counts": [5, 5, WIDTH * HEIGHT - 10]}],
            r"of size \(height, width\) \[40, 30\]",
        ),
    ],
)
def test_what_would_train_on_nothing_is_refused(key, value, message):
    with pytest.raises(ValueError, match=f"^Own : .*{message}"):
        Own(changed(key, value))


def test_what_is_right_is_taken():
    for key, value in (
        ("image_id", np.int64(9)),
        ("references.0.segmentations", [[[-4, 2, 12, 2, 12, 9, -4, 9]]]),
        (
            "references.0.segmentations",
            [{"size": [HEIGHT, WIDTH], "counts": [5, 5, WIDTH * HEIGHT - 10]}],
        ),
    ):
        assert len(Own(changed(key, value))) == 2
    nothing = changed("references.0.ann_ids", [])
    nothing["references"][0]["segmentations"] = []
    dataset = OwnPictures(nothing, pipeline=[LoadRefImage(), LoadRefMasks()])
    assert dataset[1]["gt_masks"].sum() == 0
    assert dataset[0]["gt_masks"].sum() == 70
    assert len(OwnPictures(changed("img_path", ...))) == 2
