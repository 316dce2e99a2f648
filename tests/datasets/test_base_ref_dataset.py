"""What one item is under each sampling, drawn anew each epoch, whoever draws."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmris.datasets import BaseRefDataset, ReferDataset


class Records(BaseRefDataset):
    """Three images with 1, 3 and 2 references of 1 to 4 sentences."""

    def load_data_list(self):
        counts = [[2], [1, 4, 3], [2, 2]]
        numbers = iter(range(100))
        return [
            {
                "image_id": image,
                "img_path": f"{image}.png",
                "height": 4,
                "width": 6,
                "references": [
                    {
                        "ref_id": image * 10 + r,
                        "ann_ids": [image * 10 + r],
                        "category_id": 1,
                        "segmentations": [[[0, 0, r + 1, 0, r + 1, 3]]],
                        "sentences": [
                            {
                                "sent_id": (n := next(numbers)),
                                "text": f"s{n}",
                                "kind": "k",
                            }
                            for _ in range(sentences)
                        ],
                    }
                    for r, sentences in enumerate(references)
                ],
            }
            for image, references in enumerate(counts)
        ]


def items(dataset):
    return [dataset[index] for index in range(len(dataset))]


def sent_ids(found):
    return [number for item in found for number in item["sent_ids"]]


def test_sampling_by_sentence_serves_each_sentence_once_an_epoch():
    dataset = Records(sampling="sentence")
    assert len(dataset) == 14
    for _ in range(2):
        assert sent_ids(items(dataset)) == list(range(14))


def test_sampling_by_reference_draws_other_sentences_each_epoch():
    dataset = Records(sampling="reference")
    assert len(dataset) == 6
    epochs = [items(dataset) for _ in range(60)]
    for epoch in epochs:
        assert [item["ref_ids"] for item in epoch] == [
            [0],
            [10],
            [11],
            [12],
            [20],
            [21],
        ]
    # 60 draws among 4 sentences at most leave none out but with probability 1e-7.
    drawn = [{epoch[r]["sent_ids"][0] for epoch in epochs} for r in range(6)]
    assert [len(numbers) for numbers in drawn] == [2, 1, 4, 3, 2, 2]


def test_sampling_by_image_takes_several_expressions():
    dataset = Records(sampling="image")
    assert [len(item["expressions"]) for item in items(dataset)] == [2, 8, 4]
    dataset = Records(sampling="image", expressions_per_image=3)
    counts = Counter()
    for _ in range(40):
        epoch = items(dataset)
        assert [len(item["expressions"]) for item in epoch] == [2, 3, 3]
        for item in epoch:
            assert len(set(item["sent_ids"])) == len(item["sent_ids"])
        counts.update(epoch[1]["sent_ids"])
    assert len(counts) == 8


def test_items_hold_each_reference_once():
    item = items(Records(sampling="image"))[1]
    assert item["ref_ids"] == [10, 11, 11, 11, 11, 12, 12, 12]
    assert len(item["segmentations"]) == 3
    np.testing.assert_array_equal(item["mask_index"], [0, 1, 1, 1, 1, 2, 2, 2])


def test_testing_is_by_image_whatever_the_sampling():
    for sampling in ("sentence", "reference", "image"):
        dataset = Records(sampling=sampling, expressions_per_image=1, test_mode=True)
        assert len(dataset) == 3
        assert sent_ids(items(dataset)) == list(range(14))
        assert sent_ids(items(dataset)) == list(range(14))


def test_the_seed_decides_and_leaves_the_global_generator_alone():
    def draw(seed):
        dataset = Records(sampling="reference", seed=seed)
        return [sent_ids(items(dataset)) for _ in range(5)]

    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    first = draw(0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.random.seed(4)
    assert draw(0) == first
    assert draw(1) != first


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="sampling is 'random'; choose one of"):
        Records(sampling="random")
    with pytest.raises(ValueError, match="expressions_per_image is 0; give at least 1"):
        Records(expressions_per_image=0)
    for sampling in ("sentence", "reference"):
        message = f"is 4, but with sampling '{sampling}' .* Set sampling='image'"
        with pytest.raises(ValueError, match=message):
            Records(sampling=sampling, expressions_per_image=4)
    with pytest.raises(ValueError, match="Records has no item"):
        len(Records(indices=[], serialize_data=False))


@pytest.fixture
def real(test_data):
    def _real(**options):
        return ReferDataset(
            dataset="refcoco",
            partition="unc",
            split="train",
            data_root=str(test_data / "mini_refcoco"),
            **options,
        )

    return _real


class Shuffled:
    """Another order each epoch, so that an item meets other workers."""

    def __init__(self, length):
        self.length = length
        self.generator = np.random.default_rng(0)

    def __len__(self):
        return self.length

    def __iter__(self):
        return iter(self.generator.permutation(self.length).tolist())


def epochs_of(dataset, workers, count):
    loader = DataLoader(
        dataset,
        batch_size=4,
        num_workers=workers,
        persistent_workers=workers > 0,
        sampler=Shuffled(len(dataset)),
        collate_fn=list,
    )
    epochs = [[item for batch in loader for item in batch] for _ in range(count)]
    return [sorted(epoch, key=lambda item: item["sample_idx"]) for epoch in epochs]


def test_real_sentences_come_once_an_epoch(real):
    dataset = real(sampling="sentence")
    for epoch in epochs_of(dataset, 0, 2):
        texts = [text for item in epoch for text in item["expressions"]]
        assert len(texts) == 129
        assert sorted(texts) == sorted(dataset.sentences())


@pytest.mark.parametrize(
    "options",
    [
        {"sampling": "reference"},
        {"sampling": "image", "expressions_per_image": 3},
    ],
)
def test_real_draws_differ_by_epoch_and_not_by_workers(real, options):
    alone, shared = (
        [sent_ids(epoch) for epoch in epochs_of(real(**options), workers, 4)]
        for workers in (0, 2)
    )
    assert alone == shared
    assert len({tuple(epoch) for epoch in alone}) == 4
    assert len({tuple(sorted(epoch)) for epoch in alone}) == 4


def test_real_images_come_with_so_many_expressions(real):
    dataset = real(sampling="image", expressions_per_image=5)
    assert len(dataset) == 12
    for image, item in enumerate(epochs_of(dataset, 0, 1)[0]):
        total = sum(len(r["sentences"]) for r in dataset.record(image)["references"])
        assert len(item["expressions"]) == min(5, total)


@pytest.mark.parametrize("serialize_data", [True, False])
def test_a_selection_that_leaves_nothing_is_refused(serialize_data):
    with pytest.raises(ValueError, match=r"Records has no item: .* indices \[\]"):
        Records(indices=[], serialize_data=serialize_data)


@pytest.mark.parametrize("serialize_data", [True, False])
def test_subsets_are_of_items(serialize_data):
    dataset = Records(sampling="sentence", serialize_data=serialize_data)
    assert sent_ids(items(dataset.get_subset(3))) == [0, 1, 2]
    assert sent_ids(items(dataset.get_subset(-2))) == [12, 13]
    assert sent_ids(items(dataset.get_subset([5, 1]))) == [5, 1]
    assert len(dataset) == 14
    dataset.get_subset_([13])
    assert sent_ids(items(dataset)) == [13]
    with pytest.raises(ValueError, match="Records has no item"):
        dataset.get_subset(0)
