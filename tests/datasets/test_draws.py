"""What is random in an item is decided by where in the training it comes."""

import itertools
import pickle
import random
from collections import Counter

import numpy as np
import pytest
import torch
from mmengine.dataset import InfiniteSampler
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    Subset,
)

from mmris.datasets import draws
from mmris.datasets.draws import VisitIndex, VisitSampler, follow_visits
from tests.datasets.test_base_ref_dataset import Records


def test_an_index_keeps_its_pass_on_the_way_to_a_worker():
    index = pickle.loads(pickle.dumps(VisitIndex(5, 2)))
    assert (index, index.visit) == (5, 2)
    assert list(range(9))[index] == 5


@pytest.fixture
def set_rank(monkeypatch):
    def change(rank, world_size):
        monkeypatch.setattr(draws, "get_dist_info", lambda: (rank, world_size))
        monkeypatch.setattr(
            "mmengine.dataset.sampler.get_dist_info", lambda: (rank, world_size)
        )

    return change


def drawn(sampler, count):
    return [(int(i), i.visit) for i in itertools.islice(iter(sampler), count)]


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_each_item_comes_once_a_pass_whatever_the_processes(set_rank, world_size):
    size, passes = 7, 6
    seen = []
    for rank in range(world_size):
        set_rank(rank, world_size)
        sampler = InfiniteSampler(range(size), seed=0)
        seen += drawn(VisitSampler(sampler, size), size * passes // world_size)
    expected = {(item, visit): 1 for item in range(size) for visit in range(passes)}
    assert Counter(seen) == expected


def test_after_a_skip_the_passes_go_on(set_rank):
    set_rank(1, 2)
    whole = drawn(VisitSampler(InfiniteSampler(range(7), seed=0), 7), 20)
    sampler = VisitSampler(InfiniteSampler(range(7), seed=0), 7)
    sampler.sampler.skip(9)
    sampler.start = 9
    assert drawn(sampler, 11) == whole[9:]
    again = VisitSampler(InfiniteSampler(range(7), seed=0), 7)
    again.start, again.skips = 9, True
    assert drawn(again, 11) == whole[9:]


def test_the_next_iteration_is_the_next_pass():
    sampler = VisitSampler([2, 0, 1], 3)
    sampler.start, sampler.skips = 2, True
    assert drawn(sampler, 9) == [(1, 0)]
    assert drawn(sampler, 9) == [(2, 1), (0, 1), (1, 1)]
    assert len(sampler) == 3


class Foreign(Dataset):
    """Draws from the global generators, as datasets of other libraries do."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return index, random.random(), np.random.rand(), torch.rand(1).item()


def batches(dataset, *, seed=0, workers=0, count=4, skip=0):
    loader = DataLoader(
        dataset,
        batch_size=2,
        sampler=InfiniteSampler(dataset, seed=1),
        num_workers=workers,
        collate_fn=list,
    )
    sampler = follow_visits(loader, seed)
    assert follow_visits(loader, seed) is sampler
    loader.sampler.skip(skip * 2)
    sampler.start = skip * 2
    return list(itertools.islice(iter(loader), count))


def wrapped():
    return ConcatDataset([Foreign(), Subset(Foreign(), [3, 0, 0])])


@pytest.mark.parametrize("make", [Foreign, wrapped], ids=["plain", "wrapped"])
def test_items_of_any_dataset_are_a_function_of_their_place(make):
    whole = batches(make(), count=8)
    np.random.seed(9)
    assert batches(make(), count=3, skip=5) == whole[5:]
    assert batches(make(), workers=2, count=8) == whole
    values = [value for batch in whole for item in batch for value in item[1:]]
    assert len(set(values)) == len(values)
    assert batches(make(), seed=1) != whole[:4]


def test_items_of_ours_draw_by_their_own_seed_as_without_a_training():
    """Once an epoch of a single process, where both count the same passes."""

    def sentences(items):
        return [item["expressions"] for item in items]

    counting = Records(sampling="reference", seed=5)
    order = iter(InfiniteSampler(counting, seed=1))
    expected = [counting[index] for index in itertools.islice(order, 8)]
    got = batches(Records(sampling="reference", seed=5))
    assert sentences(itertools.chain(*got)) == sentences(expected)
    other = batches(Records(sampling="reference", seed=5), skip=2, count=2)
    assert sentences(itertools.chain(*other)) == sentences(expected[4:])


@pytest.mark.parametrize("test_mode", [False, True])
def test_random_transforms_of_ours_are_a_function_of_the_place(test_mode):
    """In test mode an item seeds nothing itself."""

    def draw(item):
        return random.random(), np.random.rand(), torch.rand(1).item()

    def numbers():
        return batches(Records(test_mode=test_mode, pipeline=[draw]), count=4)

    first = numbers()
    random.seed(9)
    np.random.seed(9)
    torch.manual_seed(9)
    assert numbers() == first
    values = [value for batch in first for item in batch for value in item]
    assert len(set(values)) == len(values)


def test_what_cannot_be_followed_is_left_alone():
    listed = DataLoader([4, 5], sampler=InfiniteSampler([4, 5], False, 0))
    follow_visits(listed, 0)
    assert [int(batch) for batch in itertools.islice(iter(listed), 3)] == [4, 5, 4]
    loader = DataLoader(Foreign(), batch_size=None)
    assert follow_visits(loader, 0) is None
    batch_sampler = BatchSampler(InfiniteSampler(Foreign(), seed=0), 2, drop_last=False)
    assert follow_visits(DataLoader(Foreign(), batch_sampler=batch_sampler), 0)
