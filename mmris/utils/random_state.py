"""Random numbers that depend on what is drawn for, not on who draws."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# NumPy's types leave out the two functions that set its generator aside.
_global_numpy: Any = np.random
_spare_generators: list[np.random.MT19937] = []


def seed_generators(*key: int) -> None:
    """Seed Python's, NumPy's and torch's generators, those of accelerators as well.

    Args:
        *key: Non-negative integers that name what is drawn from now on, such as seed,
            iteration and rank.
    """
    torch.manual_seed(_seed_python_and_numpy(key))


@contextmanager
def seeded_random_state(*key: int) -> Iterator[None]:
    """Seed Python's, NumPy's and torch's CPU generators inside the block.

    The states from before come back afterwards, so that a data loader without workers
    leaves the dropout of the model alone; only a normal number that NumPy had made
    ahead, as it makes two at a time, is made anew. Transforms of other libraries, which
    draw from the global generators, become reproducible this way.

    Args:
        *key: Non-negative integers that name the draw, such as seed, item and pass.
    """
    before = random.getstate(), _global_numpy.get_bit_generator(), torch.get_rng_state()
    # Another generator in its place: to copy the state out and in takes as long as all
    # the rest, and is done for every item.
    spare = _spare_generators.pop() if _spare_generators else np.random.MT19937()
    _global_numpy.set_bit_generator(spare)
    torch_seed = _seed_python_and_numpy(key)
    # Not torch.manual_seed: that would reseed the accelerators as well.
    torch.default_generator.manual_seed(torch_seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        _global_numpy.set_bit_generator(before[1])
        _spare_generators.append(spare)
        torch.set_rng_state(before[2])


def _seed_python_and_numpy(key: Sequence[int]) -> int:
    """Seed two of the three, and give what torch is to be seeded with."""
    words = np.random.SeedSequence(key).generate_state(4)
    random.seed(int(words[0]) << 32 | int(words[1]))
    np.random.seed(words)
    return int(words[2]) << 32 | int(words[3])
