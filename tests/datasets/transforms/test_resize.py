"""Pictures and masks go through one map, and it has an exact inverse."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from mmris.datasets import RefResize

SIZES = [(40, 64), (64, 40), (48, 48), (37, 61), (101, 33), (150, 200)]
TARGETS = [(64, 64), (48, 80), (80, 48), (33, 45)]


def ellipse(height, width):
    """Whether a pixel's centre is inside an ellipse off the middle."""
    y, x = np.mgrid[:height, :width] + 0.5
    inside = ((y / height - 0.4) / 0.3) ** 2 + ((x / width - 0.6) / 0.25) ** 2 < 1
    return inside.astype(np.uint8)


def to_original(values, results, original):
    """Cut out the content and resize it bilinearly, as a prediction is."""
    top, left, height, width = results["content_box"]
    inside = values[..., top : top + height, left : left + width]
    return functional.interpolate(
        inside[None], size=original, mode="bilinear", align_corners=False
    )[0]


@pytest.mark.parametrize("keep_ratio", [False, True])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("original", SIZES)
def test_coordinates_come_back(original, target, keep_ratio):
    height, width = original
    # In floats: uint8 would round coordinates to whole pixels on the way.
    img = np.zeros((height, width, 3), dtype=np.float32)
    img[..., 0] = np.arange(height)[:, None]
    img[..., 1] = np.arange(width)[None]
    resize = RefResize(size=target, keep_ratio=keep_ratio, pad_value=255)
    results = resize({"img": img})
    assert results["img"].shape == (*target, 3)
    assert results["img_shape"] == target
    values = torch.from_numpy(results["img"]).permute(2, 0, 1)
    back = to_original(values, results, original).numpy()
    # At the border both resizes repeat the last pixel.
    box = results["content_box"]
    row = int(np.ceil(height / box[2])) + 1
    column = int(np.ceil(width / box[3])) + 1
    inner = np.s_[row : height - row, column : width - column]
    assert back[0][inner].size > 0
    assert abs(back[0] - img[..., 0])[inner].max() < 0.02
    assert abs(back[1] - img[..., 1])[inner].max() < 0.02


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("original", SIZES)
def test_the_letterbox_is_centred_and_keeps_the_ratio(original, target):
    img = np.full((*original, 3), 200, dtype=np.uint8)
    masks = np.ones((2, *original), dtype=np.uint8)
    resize = RefResize(size=target, keep_ratio=True, pad_value=7)
    results = resize({"img": img, "gt_masks": masks})
    top, left, height, width = results["content_box"]
    assert all(type(value) is int for value in results["content_box"])
    assert (top, left) == ((target[0] - height) // 2, (target[1] - width) // 2)
    assert height == target[0] or width == target[1]
    scale = min(target[0] / original[0], target[1] / original[1])
    assert abs(height - original[0] * scale) <= 0.5
    assert abs(width - original[1] * scale) <= 0.5
    shown = np.zeros(target, dtype=bool)
    shown[top : top + height, left : left + width] = True
    assert (results["img"][shown] == 200).all()
    assert (results["img"][~shown] == 7).all()
    np.testing.assert_array_equal(results["gt_masks"], np.stack([shown] * 2))


@pytest.mark.parametrize("target", TARGETS)
def test_the_plain_resize_fills_the_input(target):
    results = RefResize(size=target)({"img": np.zeros((37, 61, 3), np.uint8)})
    assert results["content_box"] == (0, 0, *target)


@pytest.mark.parametrize("keep_ratio", [False, True])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("original", SIZES)
def test_masks_are_aligned_with_the_picture(original, target, keep_ratio):
    mask = ellipse(*original)
    img = np.repeat(mask[..., None] * 255, 3, axis=2)
    resize = RefResize(size=target, keep_ratio=keep_ratio)
    results = resize({"img": img, "gt_masks": mask[None]})
    resized, shape = results["gt_masks"][0] > 0, results["img"][..., 0] > 127
    assert set(np.unique(results["gt_masks"])) == {0, 1}
    assert (resized & shape).sum() / (resized | shape).sum() > 0.9
    for axis in (0, 1):
        # The centres of both agree: a shift by half a pixel would show.
        centres = [np.nonzero(m)[axis].mean() for m in (resized, shape)]
        assert abs(centres[0] - centres[1]) < 0.25


@pytest.mark.parametrize("original", SIZES)
@pytest.mark.parametrize("target", TARGETS)
def test_masks_take_the_pixel_under_the_centre(original, target):
    generator = np.random.default_rng(0)
    masks = generator.integers(0, 2, (3, *original), dtype=np.uint8)
    img = np.zeros((*original, 3), np.uint8)
    resized = RefResize(size=target)({"img": img, "gt_masks": masks})["gt_masks"]
    rows, columns = (
        np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(int)
        for new, old in zip(target, original, strict=True)
    )
    # Where a centre falls on an edge between two pixels either is right.
    clear = [
        abs((np.arange(new) + 0.5) * old / new % 1 - 0.5) < 0.49
        for new, old in zip(target, original, strict=True)
    ]
    expected = masks[:, rows][:, :, columns]
    np.testing.assert_array_equal(
        resized[:, clear[0]][:, :, clear[1]], expected[:, clear[0]][:, :, clear[1]]
    )


@pytest.mark.parametrize("keep_ratio", [False, True])
@pytest.mark.parametrize("count", [1, 3, 40, 600])
def test_any_number_of_masks_is_resized_each_on_its_own(count, keep_ratio):
    generator = np.random.default_rng(count)
    masks = generator.integers(0, 2, (count, 22, 31), dtype=np.uint8)
    img = np.zeros((22, 31, 3), np.uint8)
    resize = RefResize(size=(24, 20), keep_ratio=keep_ratio)
    results = resize({"img": img, "gt_masks": masks.copy()})["gt_masks"]
    assert results.shape == (count, 24, 20)
    assert results.dtype == np.uint8
    for k in {0, count // 2, count - 1}:
        alone = resize({"img": img, "gt_masks": masks[k : k + 1].copy()})["gt_masks"]
        np.testing.assert_array_equal(results[k], alone[0])


def test_the_same_size_changes_nothing():
    generator = np.random.default_rng(0)
    img = generator.integers(0, 256, (22, 31, 3), dtype=np.uint8)
    masks = generator.integers(0, 2, (3, 22, 31), dtype=np.uint8)
    for keep_ratio in (False, True):
        resize = RefResize(size=(22, 31), keep_ratio=keep_ratio)
        results = resize({"img": img.copy(), "gt_masks": masks.copy()})
        np.testing.assert_array_equal(results["img"], img)
        np.testing.assert_array_equal(results["gt_masks"], masks)


def test_pictures_are_resized_bilinearly():
    generator = np.random.default_rng(0)
    img = generator.integers(0, 256, (22, 31, 3), dtype=np.uint8)
    results = RefResize(size=(40, 50))({"img": img})
    tensor = torch.from_numpy(img).permute(2, 0, 1)[None].float()
    expected = functional.interpolate(
        tensor, size=(40, 50), mode="bilinear", align_corners=False
    )
    difference = results["img"] - expected[0].permute(1, 2, 0).numpy()
    assert abs(difference).max() < 1.5


@pytest.mark.parametrize("original", [(1, 500), (500, 1)])
def test_very_long_pictures_keep_a_pixel(original):
    img = np.zeros((*original, 3), np.uint8)
    masks = np.ones((1, *original), np.uint8)
    resize = RefResize(size=(20, 20), keep_ratio=True)
    results = resize({"img": img, "gt_masks": masks})
    assert min(results["content_box"][2:]) == 1
    assert results["gt_masks"].sum() == 20


@pytest.mark.parametrize("size", [320, (320,), (320, 0), (3.5, 4), (1, 2, 3), "ab"])
def test_a_wrong_size_is_refused(size):
    with pytest.raises(ValueError, match=r"size of RefResize is .*\(height, width\)"):
        RefResize(size=size)


@pytest.mark.parametrize("value", [-1, 256])
def test_a_wrong_padding_is_refused(value):
    with pytest.raises(ValueError, match=f"pad_value of RefResize is {value}"):
        RefResize(size=(4, 4), pad_value=value)


def test_opencv_nearest_would_not_do():
    # Why the exact variant is used: the usual one takes the pixel up and left.
    row = np.arange(6, dtype=np.uint8)[None]
    usual = cv2.resize(row, (2, 1), interpolation=cv2.INTER_NEAREST)
    exact = cv2.resize(row, (2, 1), interpolation=cv2.INTER_NEAREST_EXACT)
    assert usual.tolist() == [[0, 3]]
    assert exact.tolist() == [[1, 4]]
