"""All forms of a mask give the same pixels, and bad ones say what to do."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from mmris.datasets.masks import decode_segmentations
from mmris.datasets.own_masks import MaskReader
from tests.datasets.own_data import (
    HEIGHT,
    POLYGON,
    WIDTH,
    box_mask,
    make_entry,
    run_lengths,
)


def decode(encoding):
    assert isinstance(encoding["counts"], str)
    return decode_segmentations([encoding], HEIGHT, WIDTH)


def forms():
    mask = box_mask()
    packed = coco_mask.encode(np.asfortranarray(mask))
    text = {"size": packed["size"], "counts": packed["counts"].decode()}
    half = [3, 2, 6, 2, 6, 6, 3, 6], [5, 2, 8, 2, 8, 6, 5, 6]
    return {
        "polygon": [POLYGON],
        "polygons that overlap": [list(part) for part in half],
        "compressed": text,
        "uncompressed": {"size": [HEIGHT, WIDTH], "counts": run_lengths(mask)},
        "list of run lengths": [text],
        "file": "a.png",
    }


@pytest.mark.parametrize("form", list(forms()))
def test_all_forms_give_the_same_pixels(tmp_path, form):
    Image.fromarray(box_mask() * 255).save(tmp_path / "a.png")
    (encoding,) = MaskReader(tmp_path).read(make_entry(forms()[form]), HEIGHT, WIDTH)
    np.testing.assert_array_equal(decode(encoding), box_mask())


def test_objects_of_one_file_are_told_apart_and_the_file_is_read_once(
    tmp_path, monkeypatch
):
    numbers = box_mask()
    numbers[8:10, 1:19] = 2
    Image.fromarray(numbers).save(tmp_path / "a.png")
    reader, opened, original = MaskReader(tmp_path), [], Image.open
    monkeypatch.setattr(Image, "open", lambda *a: opened.append(a) or original(*a))
    for value in (1, 2, None):
        entry = make_entry("a.png", mask_value=value)
        found = decode(*reader.read(entry, HEIGHT, WIDTH))
        expected = numbers > 0 if value is None else numbers == value
        np.testing.assert_array_equal(found, expected)
    assert len(opened) == 1
    Image.fromarray(1 - box_mask()).save(tmp_path / "b.png")
    found = decode(*reader.read(make_entry("b.png"), HEIGHT, WIDTH))
    np.testing.assert_array_equal(found, 1 - box_mask())


def test_what_is_outside_the_picture_is_cut_off():
    wide = [[3, 2, 30, 2, 30, 6, 3, 6]]
    found = decode(*MaskReader(None).read(make_entry(wide), HEIGHT, WIDTH))
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[2:6, 3:] = 1
    np.testing.assert_array_equal(found, expected)


POLYGONS = "a polygon needs an even number of them, 6 or more"


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([], r"is empty, \[\]\. Draw the object, or remove the entry"),
        ({}, r"is empty, \{\}\. Draw the object"),
        (POLYGON, r"is one list of numbers.* Write \[\[x0, y0, x1, y1.*two brackets"),
        ([[1, 2], [3, 4], [5, 9]], r"is made of points \[x, y\]; .*instead of points"),
        ([[[1, 2], [3, 4], [5, 9]]], r"is made of points"),
        ([[1, 2, 3, 4]], rf"part 0 .* has 4 coordinates; {POLYGONS}"),
        ([POLYGON, [1, 2, 3, 4, 5, 6, 7]], rf"part 1 .* has 7 coordinates; {POLYGONS}"),
        ([[]], rf"part 0 .* has 0 coordinates; {POLYGONS}"),
        (
            [[1, 2, 3, 4, float("nan"), 6]],
            r"has the coordinate nan; coordinates are nu",
        ),
        ([[1, 2, 3, 4, float("inf"), 6]], r"has the coordinate inf; "),
        ([[1, 2, 3, 4, "5", 6]], r"has the coordinate '5'; coordinates are numbers"),
        ([[1, 2, 3, 4, 5000, 6]], r"has the coordinate 5000; .*height 12 and width 20"),
        ([["a"]], r"has 1 coordinates"),
        (["a"], r"part 0 of the segmentation is 'a', no list of coordinates"),
        ([[30, 2, 40, 2, 40, 6]], r"lies outside the picture, which has height 12 and"),
        ([[3, 14, 8, 14, 8, 18]], r"lies outside the picture.* x stands before y"),
        ([[-9, 2, -3, 2, -3, 6]], r"lies outside the picture"),
        ([[3, -9, 8, -9, 8, -1]], r"lies outside the picture"),
        ([[3, 2, 8, 2, 3, 2]], r"covers no pixel\. Draw the object"),
        (
            [[0.1, 0.2, 0.9, 0.2, 0.9, 0.8]],
            r"coordinates from 0 to 1 only.* x times the width 20, y times the heigh",
        ),
        ({"size": [12, 20]}, r"has the keys \['size'\]; .*'size' and 'counts'"),
        (
            {"size": [12, 21], "counts": [252]},
            r"is of size \[height, width\] \[12, 21\], but the picture is of size "
            r"\[12, 20\]\. Masks are in the pixels of the picture",
        ),
        (
            {"size": [20, 12], "counts": [240]},
            r"\[20, 12\], but .*\[12, 20\]\. Height and width are exchanged.*EXIF",
        ),
        ({"size": [12, 20], "counts": [7]}, r"malformed counts \[7\]; .* the sum 240"),
        ({"size": [12, 20], "counts": "\x00"}, r"has malformed counts "),
        ({"size": [12, 20], "counts": [240]}, r"covers no pixel"),
        ({"size": "big", "counts": [240]}, r"is of size \(height, width\) 'big'"),
    ],
)
def test_bad_masks_name_place_and_remedy(mask, message):
    with pytest.raises(ValueError, match=rf"^here: 'mask': .*{message}"):
        MaskReader(None).read(make_entry(mask), HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("pixels", "value", "message"),
    [
        (
            box_mask(13, 20),
            None,
            r"size \(height, width\) \(13, 20\).* \(12, 20\)\. Mas",
        ),
        (box_mask(20, 12), None, r"\(20, 12\), but .*Height and width are exchanged"),
        (box_mask() * 0, None, r"a\.png is 0 everywhere: .*\. Draw the object"),
        (box_mask(), 2, r"no pixel of 'mask_value' 2; it has 0, 1\. Draw the object"),
    ],
)
def test_bad_mask_files_name_place_and_remedy(tmp_path, pixels, value, message):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    entry = make_entry("a.png", mask_value=value)
    with pytest.raises(ValueError, match=rf"^here: 'mask': .*{message}"):
        MaskReader(tmp_path).read(entry, HEIGHT, WIDTH)


def test_a_missing_mask_file_names_the_place(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^here: 'mask': no mask .*b\.png"):
        MaskReader(tmp_path).read(make_entry("b.png"), HEIGHT, WIDTH)
