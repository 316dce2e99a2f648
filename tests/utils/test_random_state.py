import random

import numpy as np
import torch

from mmris.utils import seeded_random_state
from mmris.utils.random_state import seed_generators


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_same_key_same_numbers_and_the_outside_goes_on_undisturbed():
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = [draw(), draw()]
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    outside = [draw()]
    with seeded_random_state(0, 5, 2):
        first = draw()
    outside.append(draw())
    with seeded_random_state(0, 5, 2):
        assert draw() == first
    assert outside == expected
    others = []
    for key in ((0, 5, 3), (0, 6, 2), (1, 5, 2)):
        with seeded_random_state(*key):
            others.append(draw())
    for other in others:
        assert all(a != b for a, b in zip(first, other, strict=True))


def test_state_comes_back_after_an_error():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    try:
        with seeded_random_state(1):
            np.random.rand()
            raise KeyError
    except KeyError:
        pass
    assert np.random.rand() == expected


def test_all_generators_are_seeded_for_good():
    seed_generators(0, 5, 1)
    first = draw()
    seed_generators(0, 5, 1)
    assert draw() == first
    others = []
    for key in ((0, 5, 0), (0, 6, 1), (1, 5, 1)):
        seed_generators(*key)
        others.append(draw())
    for other in others:
        assert all(a != b for a, b in zip(first, other, strict=True))


def test_blocks_inside_blocks_leave_each_other_alone():
    with seeded_random_state(1):
        expected = [draw(), draw()]
    with seeded_random_state(2):
        inner = [draw(), draw()]
    with seeded_random_state(1):
        found = [draw()]
        with seeded_random_state(2):
            assert [draw(), draw()] == inner
        found.append(draw())
    assert found == expected
