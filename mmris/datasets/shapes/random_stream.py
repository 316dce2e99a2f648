"""Random numbers of one scene, from what the scene is and nothing else."""

from __future__ import annotations

import random
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Choice = TypeVar("Choice")


class Stream(IntEnum):
    """What numbers are drawn for: each has its own stream, so none disturbs another."""

    KINDS = 1
    LAYOUT = 2
    WORDS = 3
    PIXELS = 4


class SceneKey(NamedTuple):
    """Names one scene.

    Attributes:
        seed: Seed of all scenes.
        split: Number of the split.
        number: Number of the scene in its split.
        attempt: How often the scene was drawn anew before this one.
    """

    seed: int
    split: int
    number: int
    attempt: int = 0

    def sequence(self, stream: Stream) -> np.random.SeedSequence:
        """Seeds of one stream of this scene.

        Args:
            stream: What is drawn.
        """
        return np.random.SeedSequence((*self, int(stream)))

    def random(self, stream: Stream) -> random.Random:
        """Python's generator for one stream: many single numbers, drawn quickly.

        Only its method ``random`` is used, which Python keeps the same from version to
        version.

        Args:
            stream: What is drawn.
        """
        words = self.sequence(stream).generate_state(4)
        return random.Random(sum(int(word) << 32 * i for i, word in enumerate(words)))

    def generator(self, stream: Stream) -> np.random.Generator:
        """NumPy's generator for one stream: arrays.

        Args:
            stream: What is drawn.
        """
        return np.random.Generator(np.random.PCG64(self.sequence(stream)))


def pick(rng: random.Random, options: Sequence[Choice]) -> Choice:
    """One of the options, all equally likely.

    Args:
        rng: Where the number comes from.
        options: At least one.
    """
    return options[int(rng.random() * len(options))]


def between(rng: random.Random, low: float, high: float) -> float:
    """A number between two others.

    Args:
        rng: Where the number comes from.
        low: Lower end.
        high: Upper end.
    """
    return low + (high - low) * rng.random()
