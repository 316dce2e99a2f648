"""Mixing keeps shares, leaves out what is held out, and draws the same everywhere."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader

from mmris.datasets import MixedRefDataset, ReferDataset, ShapesRefDataset
from mmris.datasets.mixed_ref_dataset import _copies
from mmris.engine.hooks.vocabulary_hook import _leaves
from mmris.registry import DATASETS
from tests.datasets.refer_folder import reference, write_refer


def plain(item):
    """What an item is of, small enough to compare."""
    return tuple(item["expressions"]), item["image_id"], tuple(item["sent_ids"])


def identity(items):
    return items


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two datasets with pictures in common; those from 200 on are tested on."""
    root = tmp_path_factory.mktemp("data")
    cups = [
        *(reference(n, 100 + n, "train", (f"cup {n}", f"mug {n}")) for n in range(8)),
        *(reference(n, 200 + n, "val", (f"val cup {n}",)) for n in range(20, 24)),
    ]
    plates = [
        *(reference(n, 100 + n, "train", (f"plate {n}",)) for n in range(4)),
        # What one set tests on the other trains on.
        *(reference(n, 200 + n, "train", (f"val plate {n}",)) for n in range(22, 26)),
        *(reference(n, 100 + n, "val", (f"other {n}",)) for n in range(6, 8)),
    ]
    write_refer(root, cups, dataset="cups", pictures=False)
    write_refer(root, plates, dataset="plates")
    return root


def config(root, dataset, split="train", **more):
    return {
        "type": "ReferDataset",
        "dataset": dataset,
        "partition": "unc",
        "split": split,
        "data_root": str(root),
        "serialize_data": False,  # collects garbage, which takes long in a test run
        **more,
    }


def mixed(root, **options):
    options.setdefault("pipeline", [plain])
    parts = [config(root, "cups"), config(root, "plates")]
    return MixedRefDataset(**{"datasets": parts, **options})


def held_out(root):
    return [config(root, name, "val", test_mode=True) for name in ("cups", "plates")]


def test_without_weights_each_item_of_each_set_comes_once(root):
    dataset = mixed(root)
    assert len(dataset) == 16 + 8
    assert dataset.num_items() == [16, 8]
    parts = [
        DATASETS.build(config(root, name, pipeline=[plain]))
        for name in ("cups", "plates")
    ]
    expected = [part[index] for part in parts for index in range(len(part))]
    assert [dataset[index] for index in range(len(dataset))] == expected


def test_pictures_that_are_held_out_are_left_out_of_all_sets(root):
    dataset = mixed(root, held_out=held_out(root))
    seen = [dataset[index] for index in range(len(dataset))]
    # cups lose the pictures 106 and 107 that plates test on, plates 222 and 223.
    assert {image for _, image, _ in seen} == {*range(100, 106), 224, 225}
    assert dataset.num_items() == [12, 6]
    words = " ".join(dataset.sentences())
    assert sorted(dataset.sentences()) == sorted(texts[0] for texts, _, _ in seen)
    for word in ("cup 6", "mug 7", "val plate 22", "other"):
        assert word not in words


def test_numbers_of_several_collections_are_compared(root, monkeypatch):
    """A picture of Visual Genome that is COCO's as well is left out by either."""
    names = {100: (("visual_genome", 1), ("coco", 100)), 101: (("coco", 101),)}

    def image_keys(self, image):
        number = self.record(image)["image_id"]
        if self.dataset == "cups":
            return names.get(number, (("visual_genome", number),))
        return (("coco", number),)

    monkeypatch.setattr(ReferDataset, "image_keys", image_keys)
    dataset = MixedRefDataset(
        datasets=[config(root, "cups", pipeline=[plain])],
        held_out=[config(root, "plates")],
    )
    images = {dataset[index][1] for index in range(len(dataset))}
    assert images == set(range(102, 108))


@pytest.mark.parametrize("sampling", ["sentence", "reference", "image"])
def test_it_is_exact_for_every_way_of_sampling(root, sampling):
    dataset = mixed(root, held_out=held_out(root), sampling=sampling)
    numbers = {"sentence": [12, 6], "reference": [6, 6], "image": [6, 6]}
    assert dataset.num_items() == numbers[sampling]


def test_what_a_set_says_itself_wins(root):
    parts = [config(root, "cups", sampling="image"), config(root, "plates")]
    dataset = mixed(root, datasets=parts, sampling="reference", seed=7)
    assert [part.sampling for part in dataset.datasets] == ["image", "reference"]
    assert [part.seed for part in dataset.datasets] == [7, 7]
    assert dataset.num_items() == [8, 8]


def test_a_number_of_expressions_is_for_the_sets_that_take_several(root):
    parts = [config(root, "cups", sampling="image"), config(root, "plates")]
    dataset = mixed(root, datasets=parts, expressions_per_image=2)
    assert [part.expressions_per_image for part in dataset.datasets] == [2, None]
    dataset = mixed(root, sampling="image", expressions_per_image=2)
    assert [part.expressions_per_image for part in dataset.datasets] == [2, 2]
    for options in ({}, {"sampling": "reference"}):
        message = r"expressions_per_image of MixedRefDataset is 2, but no set"
        with pytest.raises(ValueError, match=message):
            mixed(root, expressions_per_image=2, **options)
    parts[1]["expressions_per_image"] = 3
    with pytest.raises(ValueError, match=r"expressions_per_image is 3, but with sampl"):
        mixed(root, datasets=parts)


# ----- weights


@pytest.mark.parametrize(
    ("weights", "numbers"),
    [
        ([1, 1], [16, 16]),
        ([2, 1], [16, 8]),
        ([1, 2], [16, 32]),
        ([4, 1], [32, 8]),
        ([0.25, 0.25], [16, 16]),
        ([3, 1], [48, 16]),  # two rounds: one and a half times is no whole number
    ],
)
def test_weights_are_shares_of_the_items(root, weights, numbers):
    dataset = mixed(root, weights=weights)
    assert dataset.num_items() == numbers
    often = Counter(dataset[index] for index in range(len(dataset)))
    assert len(often) == 24
    times = [numbers[0] // 16, numbers[1] // 8]
    assert set(often.values()) == set(times)


@pytest.mark.parametrize("seed", range(20))
def test_every_item_comes_and_none_much_more_often(seed):
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 400, size=4).tolist()
    weights = generator.uniform(0.05, 1, size=4).tolist()
    copies = _copies(sizes, weights, seed)
    total = sum(map(len, copies))
    for size, weight, chosen in zip(sizes, weights, copies, strict=True):
        often = np.bincount(chosen, minlength=size)
        assert often.min() >= 1
        assert often.max() - often.min() <= 1
        # Half an item of each set is rounded away at most.
        assert abs(len(chosen) - weight / sum(weights) * total) <= len(sizes)


def test_weights_hold_for_what_is_left(root):
    dataset = mixed(root, weights=[1, 1], held_out=held_out(root))
    assert dataset.num_items() == [12, 12]


def test_copies_of_an_item_are_drawn_anew(root):
    dataset = mixed(root, weights=[1, 8], sampling="reference")
    drawn = Counter(dataset[index][0] for index in range(len(dataset)))
    plates = {text for (text,) in drawn if "plate" in text}
    assert len(plates) == 8
    dataset = mixed(root, weights=[8, 1], sampling="reference")
    drawn = {dataset[index][0] for index in range(len(dataset))}
    assert {("cup 1",), ("mug 1",)} <= drawn


# ----- processes and passes


def test_the_same_items_whatever_the_number_of_workers(root):
    runs = []
    for workers in (0, 2):
        dataset = mixed(root, weights=[1, 3], sampling="reference", seed=3)
        loader = DataLoader(
            dataset,
            batch_size=4,
            num_workers=workers,
            sampler=DefaultSampler(dataset, shuffle=True, seed=1),
            collate_fn=identity,
            multiprocessing_context="fork" if workers else None,
        )
        runs.append([batch for _ in range(2) for batch in loader])
    assert runs[0] == runs[1]
    first, second = runs[0][: len(runs[0]) // 2], runs[0][len(runs[0]) // 2 :]
    assert first != second  # other sentences in the second pass


def test_processes_share_an_epoch_without_loss(root, monkeypatch):
    dataset = mixed(root, weights=[1, 1])
    seen = []
    for rank in range(2):
        target = "mmengine.dataset.sampler.get_dist_info"
        monkeypatch.setattr(target, lambda rank=rank: (rank, 2))
        sampler = iter(InfiniteSampler(dataset, shuffle=True, seed=0))
        seen += [next(sampler) for _ in range(len(dataset) // 2)]
    assert sorted(seen) == list(range(len(dataset)))


def test_an_epoch_is_fixed_by_the_seed():
    def items(seed):
        return [chosen.tolist() for chosen in _copies([100, 70], [1, 1.2345], seed)]

    assert items(1) == items(1)
    assert items(1) != items(2)


def test_the_vocabulary_is_built_from_its_sentences(root):
    dataset = mixed(root)
    assert _leaves(dataset) == [dataset]


def test_metainfo_is_that_of_the_first_set(root):
    assert mixed(root).metainfo == {}


def test_reading_can_be_left_to_the_first_access(root):
    dataset = mixed(root / "no", lazy_init=True)
    with pytest.raises(FileNotFoundError, match=r"no file .*cups/instances\.json"):
        len(dataset)


# ----- mistakes


@pytest.mark.parametrize(
    "weights", [[1], [1, 0], [1, -1], [1, float("nan")], [1, float("inf")], 2, "ab"]
)
def test_weights_that_are_none(root, weights):
    with pytest.raises(ValueError, match=r"weights .* give 2 positive numbers"):
        mixed(root, weights=weights)


def test_nothing_to_mix():
    with pytest.raises(ValueError, match=r"has no 'datasets'; give one or more"):
        MixedRefDataset(datasets=[])


def test_a_set_for_testing_is_refused(root):
    parts = [config(root, "cups"), config(root, "plates", "val", test_mode=True)]
    message = r"datasets\.1 .*plates \(unc\) val\) has test_mode=True"
    with pytest.raises(ValueError, match=message):
        mixed(root, datasets=parts)


def test_other_datasets_are_refused(root):
    with pytest.raises(TypeError, match=r"datasets\.0 .* is a list; give a dataset"):
        mixed(root, datasets=[[1, 2]])
    with pytest.raises(TypeError, match=r"held_out\.0 .* is a int; give a dataset"):
        mixed(root, held_out=[3])


def test_a_set_of_which_nothing_is_left(root):
    message = r"all 8 pictures of plates \(unc\) train are held out"
    with pytest.raises(ValueError, match=message):
        mixed(root, held_out=[config(root, "plates")])


def test_generated_scenes_mix_as_well():
    dataset = MixedRefDataset(
        datasets=[
            ShapesRefDataset(
                split="train", num_images=3, scene_seed=seed, serialize_data=False
            )
            for seed in (0, 1)
        ],
        held_out=[
            ShapesRefDataset(
                split="train", num_images=1, scene_seed=1, serialize_data=False
            )
        ],
    )
    assert [len(dataset.kept_images(number)) for number in (0, 1)] == [3, 2]
