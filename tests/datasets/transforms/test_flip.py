"""Picture, masks, content and words are mirrored together."""

from __future__ import annotations

import numpy as np
import pytest

from mmris.datasets import RefRandomFlip, RefResize
from mmris.utils import seeded_random_state

HEIGHT, WIDTH = 7, 12


def item(count=1):
    generator = np.random.default_rng(0)
    return {
        "img": generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        "gt_masks": generator.integers(0, 2, (count, HEIGHT, WIDTH), dtype=np.uint8),
        "expressions": ["cup on the left"] * count,
        "content_box": (1, 2, 5, 7),
    }


@pytest.mark.parametrize("count", [1, 3, 40])
def test_everything_is_mirrored(count):
    before, after = item(count), RefRandomFlip(prob=1)(item(count))
    assert after["flip"] is True
    for x in range(WIDTH):
        np.testing.assert_array_equal(
            after["img"][:, x], before["img"][:, WIDTH - 1 - x]
        )
        np.testing.assert_array_equal(
            after["gt_masks"][:, :, x], before["gt_masks"][:, :, WIDTH - 1 - x]
        )
    assert after["expressions"] == ["cup on the right"] * count
    assert after["content_box"] == (1, 12 - 2 - 7, 5, 7)


def test_nothing_is_mirrored_with_probability_0():
    before, after = item(3), RefRandomFlip(prob=0)(item(3))
    assert after.pop("flip") is False
    for key, value in before.items():
        np.testing.assert_array_equal(after[key], value)


def test_words_stay_true_of_the_masks():
    masks = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    masks[0, 2:4, :3] = masks[1, 2:6, -4:] = 1
    results = RefRandomFlip(prob=1)(
        {
            "img": np.zeros((HEIGHT, WIDTH, 3), np.uint8),
            "gt_masks": masks,
            "expressions": ["thing on the left", "rightmost thing"],
        }
    )
    assert "content_box" not in results
    for text, mask in zip(results["expressions"], results["gt_masks"], strict=True):
        centre = np.nonzero(mask)[1].mean() + 0.5
        assert ("left" in text) == (centre < WIDTH / 2)
        assert ("right" in text) == (centre > WIDTH / 2)
    assert results["gt_masks"].sum(axis=(1, 2)).tolist() == [6, 16]


def test_the_content_of_a_letterbox_is_found_after_a_flip():
    img = np.full((30, 9, 3), 200, np.uint8)
    letterbox = RefResize(size=(20, 31), keep_ratio=True)
    results = letterbox({"img": img, "expressions": []})
    results = RefRandomFlip(prob=1)(results)
    top, left, height, width = results["content_box"]
    shown = np.zeros((20, 31), bool)
    shown[top : top + height, left : left + width] = True
    np.testing.assert_array_equal(results["img"][..., 0] == 200, shown)


def test_a_test_item_without_masks_is_mirrored():
    results = item()
    del results["gt_masks"]
    assert "gt_masks" not in RefRandomFlip(prob=1)(results)


def test_draws_come_from_the_seed_and_follow_the_probability():
    def draw(seed):
        with seeded_random_state(seed):
            return [RefRandomFlip(prob=0.3)(item())["flip"] for _ in range(400)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert 90 < sum(draw(1)) < 150


@pytest.mark.parametrize("prob", [-0.1, 1.5, 50])
def test_a_wrong_probability_is_refused(prob):
    with pytest.raises(ValueError, match=f"prob of RefRandomFlip is {prob}"):
        RefRandomFlip(prob=prob)
