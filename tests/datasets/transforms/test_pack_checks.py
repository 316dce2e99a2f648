"""What is no picture, and what are no masks, is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmris.datasets import LoadRefImage, PackRefInputs, RefResize, ShapesRefDataset

HEIGHT, WIDTH = 24, 40


def item(**changes):
    picture = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    masks = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    masks[:, :5] = 1
    known = {"img": picture, "gt_masks": masks, "expressions": ["one", "two"]}
    return {**known, "ori_shape": (HEIGHT, WIDTH), **changes}


def picture(dtype=np.uint8, shape=(HEIGHT, WIDTH, 3)):
    return np.ones(shape, dtype)


NO_PICTURES = [
    (picture(np.float32), "type float32"),
    (picture(np.uint16), "type uint16"),
    (picture(shape=(HEIGHT, WIDTH)), r"shape \(24, 40\)"),
    (picture(shape=(HEIGHT, WIDTH, 1)), r"shape \(24, 40, 1\)"),
    (picture(shape=(3, HEIGHT, WIDTH)), r"shape \(3, 24, 40\)"),
    (picture(shape=(HEIGHT, WIDTH, 4)), r"shape \(24, 40, 4\)"),
    (torch.ones(HEIGHT, WIDTH, 3, dtype=torch.uint8), "a Tensor"),
]


@pytest.mark.parametrize(("wrong", "found"), NO_PICTURES)
def test_what_is_no_picture_is_not_packed(wrong, found):
    with pytest.raises(ValueError, match=f"the picture of PackRefInputs is .*{found}"):
        PackRefInputs().transform(item(img=wrong))


@pytest.mark.parametrize(("wrong", "found"), NO_PICTURES)
def test_a_dataset_that_makes_no_picture_is_told_so(wrong, found):
    class Own(ShapesRefDataset):
        def load_image(self, record):
            return wrong

    dataset = Own(
        split="train", num_images=1, image_size=(32, 32), pipeline=[LoadRefImage()]
    )
    with pytest.raises(ValueError, match=rf"of image \d.*{found}.*\(load_image\)"):
        dataset[0]


def test_a_pipeline_without_a_picture_says_what_is_missing():
    without = item()
    del without["img"]
    for transform in (PackRefInputs(), RefResize(size=(8, 8))):
        with pytest.raises(ValueError, match="Put LoadRefImage first"):
            transform.transform(dict(without))


@pytest.mark.parametrize(
    ("masks", "found"),
    [
        (np.full((2, HEIGHT, WIDTH), 255, np.uint8), "the value 255; write 1"),
        (np.ones((2, HEIGHT, WIDTH), np.float32), "type float32"),
        (np.ones((2, HEIGHT, WIDTH), np.int64), "type int64"),
        (np.ones((2, WIDTH, HEIGHT), np.uint8), r"\(2, 40, 24\).*of \(24, 40\)"),
        (np.ones((HEIGHT, WIDTH), np.uint8), "got 24 masks for 2"),
        (np.ones((2, HEIGHT, WIDTH, 1), np.uint8), r"\(2, 24, 40, 1\)"),
        (np.ones((3, HEIGHT, WIDTH), np.uint8), "got 3 masks for 2"),
    ],
)
def test_what_are_no_masks_is_not_packed(masks, found):
    with pytest.raises(ValueError, match=found):
        PackRefInputs().transform(item(gt_masks=masks))


def test_masks_of_yes_and_no_are_numbers():
    yes = item()["gt_masks"].astype(bool)
    packed = PackRefInputs().transform(item(gt_masks=yes))["data_samples"]
    assert packed.gt_sem_seg.data.dtype == torch.uint8
    assert packed.gt_sem_seg.data.tolist() == item()["gt_masks"].tolist()


def test_masks_of_testing_are_of_the_original_size():
    original = np.ones((2, 50, 60), np.uint8)
    packed = PackRefInputs().transform(item(gt_masks=original, ori_shape=(50, 60)))
    assert packed["data_samples"].gt_sem_seg.data.shape == (2, 50, 60)
