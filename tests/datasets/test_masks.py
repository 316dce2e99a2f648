"""Masks are the union of all parts, and malformed segmentations are named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmris.datasets.masks import decode_segmentations

HEIGHT, WIDTH = 12, 20


def rectangle(top, left, bottom, right):
    return [left, top, right, top, right, bottom, left, bottom]


def expected(*boxes):
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = 1
    return mask


def runs(mask):
    """Uncompressed run lengths, column by column, zeros first."""
    flat = mask.T.reshape(-1)
    counts, value = [0], 0
    for pixel in flat:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return {"size": [HEIGHT, WIDTH], "counts": [int(count) for count in counts]}


def compressed(mask, as_text):
    encoding = coco_mask.encode(np.asfortranarray(mask))
    if as_text:
        encoding["counts"] = encoding["counts"].decode()
    return encoding


BOX, OTHER = (2, 3, 9, 8), (5, 6, 11, 17)


@pytest.mark.parametrize(
    "segmentation",
    [
        [rectangle(*BOX)],
        (tuple(rectangle(*BOX)),),
        runs(expected(BOX)),
        [runs(expected(BOX))],
        compressed(expected(BOX), as_text=True),
        compressed(expected(BOX), as_text=False),
        [compressed(expected(BOX), as_text=True)],
    ],
)
def test_every_form_gives_the_same_mask(segmentation):
    mask = decode_segmentations([segmentation], HEIGHT, WIDTH)
    assert mask.dtype == np.uint8
    assert mask.flags.c_contiguous
    np.testing.assert_array_equal(mask, expected(BOX))


@pytest.mark.parametrize(
    "segmentations",
    [
        [[rectangle(*BOX), rectangle(*OTHER)]],
        [[rectangle(*BOX)], [rectangle(*OTHER)]],
        [[rectangle(*BOX)], runs(expected(OTHER))],
        [[runs(expected(BOX)), compressed(expected(OTHER), as_text=True)]],
        [[rectangle(*BOX)], [rectangle(*BOX)], [rectangle(*OTHER)]],
    ],
)
def test_parts_that_overlap_count_once(segmentations):
    mask = decode_segmentations(segmentations, HEIGHT, WIDTH)
    np.testing.assert_array_equal(mask, expected(BOX, OTHER))
    assert mask.max() == 1


def test_no_segmentation_is_an_empty_mask():
    mask = decode_segmentations([], HEIGHT, WIDTH)
    np.testing.assert_array_equal(mask, np.zeros((HEIGHT, WIDTH), np.uint8))


@pytest.mark.parametrize("fill", [0, 1])
def test_constant_masks_come_back(fill):
    mask = np.full((HEIGHT, WIDTH), fill, np.uint8)
    for form in (runs(mask), compressed(mask, as_text=True)):
        decoded = decode_segmentations([form], HEIGHT, WIDTH)
        np.testing.assert_array_equal(decoded, mask)


def test_random_masks_come_back_from_both_run_length_forms():
    generator = np.random.default_rng(0)
    for share in (0.02, 0.3, 0.9):
        mask = (generator.random((HEIGHT, WIDTH)) < share).astype(np.uint8)
        for form in (runs(mask), compressed(mask, as_text=True)):
            decoded = decode_segmentations([form], HEIGHT, WIDTH)
            np.testing.assert_array_equal(decoded, mask)


def test_a_polygon_may_leave_the_picture_a_little():
    polygon = [-3, -2, 25, -2, 25, 14, -3, 14]
    assert decode_segmentations([[polygon]], HEIGHT, WIDTH).all()


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([], "has no part"),
        (None, "has no part"),
        ("polygon", "has no part"),
        ([[1, 2, 3, 4, 5]], "part 0 .* has 5 coordinates"),
        ([[1, 2, 3, 4]], "part 0 .* has 4 coordinates"),
        ([rectangle(*BOX), [1, 2, 3, 4, 5, 6, 7]], "part 1 .* has 7 coordinates"),
        ([[1, 2, 3, 4, 5, float("nan")]], "part 0 .* coordinate nan"),
        ([[1, 2, 3, 4, 5, float("inf")]], "part 0 .* coordinate inf"),
        ([[1, 2, 3, 4, 5, 1e9]], "coordinate 1000000000.0.*height 12 and width 20"),
        ([[1, 2, 3, 4, 5, 10**400]], "coordinate a number of 1329 bits"),
        ([[1, 2, 3, 4, 5, "6"]], "part 0 .* coordinate '6'"),
        ([3.0], "part 0 .* is 3.0, no list"),
        ({"size": [HEIGHT, WIDTH]}, r"has the keys \['size'\]"),
        ({"size": [WIDTH, HEIGHT], "counts": [240]}, r"size .*\[20, 12\].*\[12, 20\]"),
        ({"size": 240, "counts": [240]}, "is of size .* 240"),
        ({"size": [HEIGHT, WIDTH], "counts": [100, 139]}, "counts .* sum 240"),
        ({"size": [HEIGHT, WIDTH], "counts": [100, 141]}, "counts .* sum 240"),
        ({"size": [HEIGHT, WIDTH], "counts": [-10, 250]}, "malformed counts"),
        ({"size": [HEIGHT, WIDTH], "counts": [120.0, 120.0]}, "malformed counts"),
        ({"size": [HEIGHT, WIDTH], "counts": None}, "malformed counts None"),
        ({"size": [HEIGHT, WIDTH], "counts": ""}, "malformed counts"),
        ({"size": [HEIGHT, WIDTH], "counts": "04"}, "malformed counts"),
        ({"size": [HEIGHT, WIDTH], "counts": "0é"}, "malformed counts"),
        ({"size": [HEIGHT, WIDTH], "counts": "o" * 12 + "0"}, "malformed counts"),
        ({"size": [HEIGHT, WIDTH], "counts": "`7" + "o" * 5}, "malformed counts"),
        ([[1, 2, 3, 4, 5, True]], "part 0 .* coordinate True"),
    ],
)
def test_malformed_segmentations_are_named(segmentation, message):
    with pytest.raises(ValueError, match=message):
        decode_segmentations([segmentation], HEIGHT, WIDTH)


def test_compressed_counts_cut_anywhere_are_refused():
    mask = np.random.default_rng(1).integers(0, 2, (200, 300)).astype(np.uint8)
    mask[:, 50:150] = 1
    encoding = coco_mask.encode(np.asfortranarray(mask))
    counts = encoding["counts"]
    assert any(code - 48 & 0x20 for code in counts)
    for length in range(0, len(counts), 97):
        with pytest.raises(ValueError, match="malformed counts"):
            decode_segmentations(
                [{"size": [200, 300], "counts": counts[:length]}], 200, 300
            )


def test_crowd_annotations_of_real_photographs_decode(test_data):
    path = test_data / "mini_refcoco" / "refcoco" / "instances.json"
    content = json.loads(path.read_text())
    images = {image["id"]: image for image in content["images"]}
    crowds = [entry for entry in content["annotations"] if entry["iscrowd"]]
    assert {entry["id"] for entry in crowds} == {
        900100520707,
        900100129648,
        900100005001,
    }
    for entry in crowds:
        image = images[entry["image_id"]]
        mask = decode_segmentations(
            [entry["segmentation"]], image["height"], image["width"]
        )
        assert int(mask.sum()) == sum(entry["segmentation"]["counts"][1::2])
        np.testing.assert_array_equal(runs_at(mask), entry["segmentation"]["counts"])


def runs_at(mask):
    changes = np.flatnonzero(np.diff(mask.T.reshape(-1), prepend=0))
    return np.diff(np.concatenate([[0], changes, [mask.size]]))


@pytest.mark.parametrize(
    ("annotation", "area", "summed"), [(57620, 1129, 1150), (679075, 1427, 1439)]
)
def test_real_parts_that_overlap_count_once(test_data, annotation, area, summed):
    path = test_data / "mini_refcoco" / "refcoco" / "instances.json"
    content = json.loads(path.read_text())
    entry = next(e for e in content["annotations"] if e["id"] == annotation)
    image = next(i for i in content["images"] if i["id"] == entry["image_id"])
    size = image["height"], image["width"]
    whole = decode_segmentations([entry["segmentation"]], *size)
    parts = [decode_segmentations([[part]], *size) for part in entry["segmentation"]]
    assert int(whole.sum()) == area
    assert int(sum(part.sum() for part in parts)) == summed
    np.testing.assert_array_equal(whole, np.maximum.reduce(parts))
