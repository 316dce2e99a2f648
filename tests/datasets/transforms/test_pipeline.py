"""Whole pipelines on real photographs, as configs write them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate, pseudo_collate
from mmengine.registry import DefaultScope

from mmris.datasets import mirror_words
from mmris.registry import DATASETS

SIZE = (96, 128)


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope("mmris"):
        yield


@pytest.fixture
def build(test_data):
    def _build(pipeline, split="train", **options):
        return DATASETS.build(
            {
                "type": "ReferDataset",
                "dataset": "refcoco",
                "partition": "unc",
                "split": split,
                "data_root": str(test_data / "mini_refcoco"),
                "pipeline": pipeline,
                **options,
            }
        )

    return _build


def training(prob=0.5, keep_ratio=False, colour=True):
    return [
        {"type": "LoadRefImage"},
        {"type": "LoadRefMasks"},
        {"type": "RefResize", "size": SIZE, "keep_ratio": keep_ratio},
        {"type": "RefRandomFlip", "prob": prob},
        *([{"type": "mmseg.PhotoMetricDistortion"}] if colour else []),
        {"type": "PackRefInputs"},
    ]


TESTING = [
    {"type": "LoadRefImage"},
    {"type": "RefResize", "size": SIZE, "keep_ratio": True},
    {"type": "LoadRefMasks"},
    {"type": "PackRefInputs"},
]


@pytest.mark.parametrize("expressions", [1, 3, 40])
@pytest.mark.parametrize("keep_ratio", [False, True])
def test_training_items_are_of_one_size(build, expressions, keep_ratio):
    dataset = build(
        training(keep_ratio=keep_ratio),
        sampling="image",
        expressions_per_image=expressions,
    )
    for index in range(3):
        item = dataset[index]
        sample = item["data_samples"]
        count = len(sample.expressions)
        assert 1 <= count <= expressions
        assert item["inputs"].shape == (3, *SIZE)
        assert item["inputs"].dtype == torch.uint8
        assert sample.gt_sem_seg.data.shape == (count, *SIZE)
        assert sample.gt_sem_seg.data.flatten(1).sum(1).min() > 0
        assert sample.img_shape == SIZE
    batch = pseudo_collate([dataset[0], dataset[1]])
    assert len(batch["inputs"]) == len(batch["data_samples"]) == 2


def test_testing_keeps_the_truth_at_its_original_size(build):
    dataset = build(TESTING, split="test", test_mode=True)
    shapes = set()
    for index in range(len(dataset)):
        item = dataset[index]
        sample = item["data_samples"]
        count = len(sample.expressions)
        assert item["inputs"].shape == (3, *SIZE)
        assert sample.ori_shape == sample.gt_sem_seg.data.shape[1:]
        assert sample.gt_sem_seg.data.shape[0] == count
        assert sample.ori_shape != SIZE
        assert "flip" not in sample
        top, left, height, width = sample.content_box
        assert 2 * top + height in (SIZE[0], SIZE[0] - 1)
        assert 2 * left + width in (SIZE[1], SIZE[1] - 1)
        shapes.add(sample.ori_shape)
    # portrait and landscape
    assert {height > width for height, width in shapes} == {True, False}


def test_flipped_items_are_mirrored_as_a_whole(build):
    plain, flipped = (
        build(training(prob, colour=False), sampling="image") for prob in (0, 1)
    )
    sided = 0
    for index in range(len(plain)):
        before, after = plain[index], flipped[index]
        old, new = before["data_samples"], after["data_samples"]
        assert (old.flip, new.flip) == (False, True)
        torch.testing.assert_close(after["inputs"], before["inputs"].flip(-1))
        torch.testing.assert_close(new.gt_sem_seg.data, old.gt_sem_seg.data.flip(-1))
        assert new.expressions == [mirror_words(text) for text in old.expressions]
        for text, mask in zip(new.expressions, new.gt_sem_seg.data, strict=True):
            centre = mask.nonzero()[:, 1].float().mean() / SIZE[1]
            if "leftmost" in text or "on the left" in text:
                sided += 1
                assert centre < 0.55, text
            if "rightmost" in text or "on the right" in text:
                sided += 1
                assert centre > 0.45, text
    assert sided > 5


def test_colour_changes_the_picture_alone(build):
    pipeline = training(prob=0)
    coloured, plain = build(pipeline), build(training(prob=0, colour=False))
    changed = 0
    for index in range(0, 60, 6):
        one, other = coloured[index], plain[index]
        assert one["inputs"].dtype == torch.uint8
        changed += not torch.equal(one["inputs"], other["inputs"])
        torch.testing.assert_close(
            one["data_samples"].gt_sem_seg.data, other["data_samples"].gt_sem_seg.data
        )
        assert one["data_samples"].expressions == other["data_samples"].expressions
    assert changed > 5


def test_augmentation_is_drawn_anew_each_epoch_and_from_the_seed(build):
    def epochs(seed):
        dataset = build(training(), indices=2, seed=seed)
        return [
            torch.stack([dataset[index]["inputs"] for index in range(len(dataset))])
            for _ in range(2)
        ]

    first, again, other = epochs(0), epochs(0), epochs(1)
    assert not torch.equal(first[0], first[1])
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_generated_scenes_go_the_same_way():
    dataset = DATASETS.build(
        {
            "type": "ShapesRefDataset",
            "split": "train",
            "num_images": 3,
            "image_size": (64, 96),
            "pipeline": training(),
            "sampling": "image",
        }
    )
    for index in range(3):
        item = dataset[index]
        assert item["inputs"].shape == (3, *SIZE)
        sample = item["data_samples"]
        assert sample.gt_sem_seg.data.shape == (len(sample.expressions), *SIZE)
        assert np.isin(sample.gt_sem_seg.data.numpy(), (0, 1)).all()
    batch = default_collate([{"inputs": dataset[i]["inputs"]} for i in range(3)])
    assert batch["inputs"].shape == (3, 3, *SIZE)
