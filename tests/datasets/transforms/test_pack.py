"""Packed items hold tensors, lists of K entries and what leads back to the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample

from mmris.datasets import PackRefInputs

HEIGHT, WIDTH = 5, 8


def item(count):
    generator = np.random.default_rng(0)
    return {
        "img": generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        "gt_masks": generator.integers(0, 2, (count, 9, 11), dtype=np.uint8),
        "image_id": 3,
        "img_path": "3.jpg",
        "sample_idx": 2,
        "ori_shape": (9, 11),
        "img_shape": (HEIGHT, WIDTH),
        "content_box": (0, 0, HEIGHT, WIDTH),
        "flip": False,
        "segmentations": [[]],
        "expressions": [f"cup {k}" for k in range(count)],
        "ref_ids": list(range(count)),
        "ann_ids": [[k] for k in range(count)],
        "sent_ids": list(range(count)),
        "category_ids": [1] * count,
        "kinds": [""] * count,
    }


@pytest.mark.parametrize("count", [1, 3, 40])
def test_everything_is_in_its_place(count):
    before = item(count)
    packed = PackRefInputs()(item(count))
    assert set(packed) == {"inputs", "data_samples"}
    inputs, sample = packed["inputs"], packed["data_samples"]
    assert inputs.dtype == torch.uint8
    assert inputs.is_contiguous()
    np.testing.assert_array_equal(inputs.numpy(), np.moveaxis(before["img"], 2, 0))
    assert isinstance(sample, SegDataSample)
    assert set(sample.metainfo) == {
        "image_id",
        "img_path",
        "sample_idx",
        "ori_shape",
        "img_shape",
        "content_box",
        "flip",
    }
    for key, value in sample.metainfo.items():
        assert value == before[key]
    lists = {"expressions", "ref_ids", "ann_ids", "sent_ids", "category_ids", "kinds"}
    assert set(sample.keys()) == {*lists, "gt_sem_seg"}
    for key in lists:
        assert sample.get(key) == before[key]
    assert sample.gt_sem_seg.data.dtype == torch.uint8
    np.testing.assert_array_equal(sample.gt_sem_seg.data.numpy(), before["gt_masks"])


def test_what_is_absent_is_left_out():
    results = {"img": item(1)["img"], "expressions": ["cup"], "ori_shape": (5, 8)}
    sample = PackRefInputs()(results)["data_samples"]
    assert set(sample.metainfo) == {"ori_shape"}
    assert set(sample.keys()) == {"expressions"}
    assert "gt_sem_seg" not in sample


def test_masks_that_lost_their_expressions_are_refused():
    results = item(3)
    results["expressions"].pop()
    with pytest.raises(ValueError, match="got 3 masks for 2 expressions"):
        PackRefInputs()(results)
