"""One mask for each expression, each reference decoded once."""

from __future__ import annotations

import numpy as np
import pytest

from mmris.datasets import LoadRefMasks
from mmris.datasets.transforms import load_masks

HEIGHT, WIDTH = 9, 14


def box(top, left, bottom, right):
    return [left, top, right, top, right, bottom, left, bottom]


def item(boxes, index):
    index = np.asarray(index, dtype=np.int64)
    return {
        "image_id": 5,
        "img_path": "5.jpg",
        "height": HEIGHT,
        "width": WIDTH,
        "ref_ids": [100 + int(r) for r in index],
        "ann_ids": [[200 + int(r)] for r in index],
        "segmentations": [[[box(*b)] for b in group] for group in boxes],
        "mask_index": index,
    }


@pytest.mark.parametrize("count", [1, 3, 40])
def test_masks_follow_the_index_of_the_expressions(count):
    boxes = [[(0, 0, 3, 5)], [(2, 3, 9, 14)], [(1, 1, 4, 4), (3, 3, 8, 10)]]
    index = [k % 3 for k in range(count)]
    used = sorted(set(index))
    masks = LoadRefMasks()(item([boxes[r] for r in used], index))["gt_masks"]
    assert masks.shape == (count, HEIGHT, WIDTH)
    assert masks.dtype == np.uint8
    for mask, reference in zip(masks, index, strict=True):
        expected = np.zeros((HEIGHT, WIDTH), np.uint8)
        for top, left, bottom, right in boxes[reference]:
            expected[top:bottom, left:right] = 1
        np.testing.assert_array_equal(mask, expected)


def test_each_reference_is_decoded_once(monkeypatch):
    calls = []
    decode = load_masks.decode_segmentations
    monkeypatch.setattr(
        load_masks,
        "decode_segmentations",
        lambda *arguments: calls.append(1) or decode(*arguments),
    )
    LoadRefMasks()(item([[(0, 0, 3, 5)], [(2, 3, 9, 14)]], [0, 0, 0, 1, 1, 1, 1]))
    assert len(calls) == 2


def test_the_size_is_the_original_one_after_a_resize():
    results = item([[(0, 0, 3, 5)]], [0])
    results["img_shape"] = (32, 32)
    assert LoadRefMasks()(results)["gt_masks"].shape == (1, HEIGHT, WIDTH)


def test_a_reference_to_nothing_has_an_empty_mask():
    masks = LoadRefMasks()(item([[], [(0, 0, 3, 5)]], [0, 1]))["gt_masks"]
    assert masks[0].sum() == 0
    assert masks[1].sum() == 15


def test_a_malformed_segmentation_names_image_and_annotation():
    results = item([[(0, 0, 3, 5)], [(2, 3, 9, 14)]], [0, 0, 1])
    results["segmentations"][1] = [[[1, 2, 3]]]
    message = r"image 5 \(5.jpg\), ref_id 101, annotations \[201\]: part 0 .* has 3"
    with pytest.raises(ValueError, match=message):
        LoadRefMasks()(results)


def test_masks_of_a_flipped_picture_are_refused():
    results = item([[(0, 0, 3, 5)]], [0])
    results["flip"] = False
    with pytest.raises(ValueError, match="Put it before RefRandomFlip"):
        LoadRefMasks()(results)
