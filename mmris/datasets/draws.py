"""What is random in an item depends on where in the training it comes, on nothing else.

Processes and workers that counted for themselves how often an item came would begin
anew where a run is resumed, and several would draw the same. Here the sampler knows the
pass over the data, hands it on with each index, and the items are drawn from it.
"""

from __future__ import annotations

from contextvars import ContextVar
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from mmris.utils import seeded_random_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch.utils.data import DataLoader


class Draw(NamedTuple):
    """One of the times that an item comes in a training.

    Attributes:
        item: Its index, as the sampler gave it.
        visit: The pass over the data, from 0.
    """

    item: int
    visit: int


_current: ContextVar[Draw | None] = ContextVar("current_draw", default=None)


def current_draw() -> Draw | None:
    """Which draw is being made; None outside of a training."""
    return _current.get()


class VisitIndex(int):
    """An index that a sampler gave, and the pass over the data that it belongs to."""

    visit: int

    def __new__(cls, index: int, visit: int) -> VisitIndex:
        """Make one.

        Args:
            index: The index.
            visit: The pass.
        """
        self = super().__new__(cls, index)
        self.visit = visit
        return self

    def __reduce__(self) -> tuple[type[VisitIndex], tuple[int, int]]:
        """How it goes to a worker."""
        return type(self), (int(self), self.visit)


class VisitSampler(Sampler[int]):
    """A sampler that says with each index in which pass over the data it comes.

    All processes of a job take their share of the same sequence of indices, as
    MMEngine's samplers do; a pass is as many indices as there are items.

    Args:
        sampler: The sampler of a training.
        size: Number of items.

    Attributes:
        visit: The pass that the next iteration over this begins with.
        start: Indices of this process that lie behind where it begins.
        skips: Whether those are still to be taken from the sampler and left out.
    """

    def __init__(self, sampler: Sampler[int], size: int) -> None:
        self.sampler = sampler
        self.size = size
        self.visit = 0
        self.start = 0
        self.skips = False

    def __len__(self) -> int:
        """Number of indices, as the sampler says."""
        return len(self.sampler)  # type: ignore[arg-type]  # those of MMEngine say

    def __iter__(self) -> Iterator[int]:
        """The sampler's indices."""
        rank, world_size = get_dist_info()
        first, start, skips = self.visit, self.start, self.skips
        self.visit, self.start, self.skips = first + 1, 0, False
        indices = iter(self.sampler)
        for number, index in enumerate(
            islice(indices, start if skips else 0, None), start
        ):
            passed = (number * world_size + rank) // self.size
            yield VisitIndex(index, first + passed)


class SeededItems:
    """Takes the items of a batch, each with generators seeded for it.

    A dataset with a true ``seeds_items`` does that itself.

    Args:
        dataset: The dataset.
        seed: Start of the random numbers, for datasets that have none of their own.
    """

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset = dataset
        self.seed = seed

    def __call__(self, indices: Sequence[int]) -> list[Any]:
        """The items.

        Args:
            indices: From a :class:`VisitSampler`.
        """
        return [self._item(index) for index in indices]

    def _item(self, index: int) -> Any:
        if not isinstance(index, VisitIndex):
            return self.dataset[index]
        draw = Draw(int(index), index.visit)
        token = _current.set(draw)
        try:
            if getattr(self.dataset, "seeds_items", False):
                return self.dataset[draw.item]
            with seeded_random_state(self.seed, *draw):
                return self.dataset[draw.item]
        finally:
            _current.reset(token)


def follow_visits(loader: DataLoader[Any], seed: int) -> VisitSampler | None:
    """Let the items of a loader be drawn for their place in the training.

    The dataset may be any, also a wrapper of others.

    Args:
        loader: Loader of a training; its sampler and its dataset are changed.
        seed: Start of the random numbers, for datasets that have none of their own.

    Returns:
        The sampler; None if the loader takes its batches from nothing of the kind.
    """
    batches: Any = loader.batch_sampler
    dataset: Any = loader.dataset
    present = getattr(batches, "sampler", None)
    if not isinstance(present, Sampler):
        return None
    if isinstance(present, VisitSampler):  # a second training of the same runner
        return present
    sampler = VisitSampler(present, len(dataset))
    batches.sampler = sampler
    if hasattr(dataset, "__dict__"):  # a list gives what it has, and draws nothing
        # What torch asks for a batch instead of asking for its items one by one.
        dataset.__getitems__ = SeededItems(dataset, seed)
    return sampler
