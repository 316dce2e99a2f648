"""Several training sets as one, without the pictures that others are tested on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmris.registry import DATASETS

from .base_ref_dataset import BaseRefDataset
from .picture_sets import keys_of, title_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .base_ref_dataset import Sampling
    from .image_keys import ImageKey

# Most passes over the data that one epoch may hold to come near the weights.
MAX_ROUNDS = 10
# How unequally often the items of one set may come before an epoch gets longer.
MAX_UNEVENNESS = 0.02


@DATASETS.register_module()
class MixedRefDataset(Dataset[Any]):
    """Train on several datasets at once.

    Without ``weights`` each item of each set comes once an epoch. With them, sets have
    these shares of the items: each item of the set that is drawn least comes at least
    once an epoch, those of others several times. Where shares are no whole numbers of
    times, an epoch is made longer, and what then is left is an extra copy of some of
    the items. The items of an epoch are fixed, so that shuffling, several processes and
    resuming work as with any dataset. What is random in an item is drawn by its own
    set, as :class:`BaseRefDataset` says: copies of an item differ.

    The pictures of ``held_out`` are left out of all sets, with all that is said about
    them, also from the words that :meth:`sentences` gives. Pictures are told by their
    numbers in COCO, IAPR TC-12 or Visual Genome, or by their files, see
    :mod:`mmris.datasets.image_keys`. RefCOCO, RefCOCO+ and RefCOCOg show the same
    pictures and are split differently: a model that trains on one has seen pictures
    that another tests on, unless they are held out.

    Args:
        datasets: Training sets, configs or datasets.
        weights: Share of each set among the items, relative to each other; None takes
            each item once.
        held_out: Evaluation sets whose pictures are left out, configs or datasets.
            Only their annotations are read.
        pipeline: Transforms for all sets whose configs have none of their own.
        sampling: What one item is, likewise; see :class:`BaseRefDataset`.
        expressions_per_image: Most expressions of an item with sampling ``image``,
            likewise.
        seed: Start of the random numbers, likewise.
        lazy_init: Leave the reading of annotations to the first access.

    Raises:
        ValueError: An argument is out of its range, a set is for testing, or nothing
            of a set is left.
    """

    def __init__(
        self,
        *,
        datasets: Sequence[dict[str, Any] | BaseRefDataset],
        weights: Sequence[float] | None = None,
        held_out: Sequence[dict[str, Any] | BaseRefDataset] = (),
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] | None = None,
        sampling: Sampling | None = None,
        expressions_per_image: int | None = None,
        seed: int | None = None,
        lazy_init: bool = False,
    ) -> None:
        if not datasets:
            raise ValueError("MixedRefDataset has no 'datasets'; give one or more")
        self.weights = _checked(weights, len(datasets))
        self.seed = 0 if seed is None else seed
        common = {
            "pipeline": pipeline,
            "sampling": sampling,
            "expressions_per_image": expressions_per_image,
            "seed": seed,
        }
        given = {key: value for key, value in common.items() if value is not None}
        self.datasets = [
            _built(part, f"datasets.{number}", {**given, "lazy_init": True})
            for number, part in enumerate(datasets)
        ]
        for number, dataset in enumerate(self.datasets):
            if dataset.test_mode:
                raise ValueError(
                    f"datasets.{number} of MixedRefDataset ({title_of(dataset)}) has "
                    "test_mode=True; sets are mixed for training only. Remove it"
                )
        if expressions_per_image is not None and all(
            dataset.sampling != "image" for dataset in self.datasets
        ):
            raise ValueError(
                f"expressions_per_image of MixedRefDataset is {expressions_per_image}, "
                "but no set has sampling 'image'. Set sampling='image' or "
                "expressions_per_image=None"
            )
        self._held_out = list(held_out)
        # Rows (set, item).
        self._items = np.zeros((0, 2), dtype=np.int64)
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Read the annotations, leave out what is held out, and lay out the items."""
        if self._fully_initialized:
            return
        held_out = {
            key
            for number, part in enumerate(self._held_out)
            for keys in keys_of(
                _built(part, f"held_out.{number}", {"lazy_init": True})
            ).values()
            for key in keys
        }
        kept = [self._kept_items(dataset, held_out) for dataset in self.datasets]
        copies = _copies([len(items) for items in kept], self.weights, self.seed)
        rows = [
            np.stack([np.full(len(chosen), number), items[chosen]], axis=1)
            for number, (items, chosen) in enumerate(zip(kept, copies, strict=True))
        ]
        self._items = np.concatenate(rows)
        self._fully_initialized = True

    def _kept_items(
        self, dataset: BaseRefDataset, held_out: set[ImageKey]
    ) -> np.ndarray:
        """Positions of the items whose pictures are not held out."""
        images = dataset.item_images()
        pictures = keys_of(dataset)
        left_out = [
            image for image, keys in pictures.items() if not held_out.isdisjoint(keys)
        ]
        items: np.ndarray = np.flatnonzero(~np.isin(images, left_out))
        if not len(items):
            raise ValueError(
                f"all {len(pictures)} pictures of {title_of(dataset)} are held out. "
                "Remove the set from 'datasets', or its splits from 'held_out'"
            )
        if self._held_out:
            print_log(
                f"{title_of(dataset)}: {len(left_out):,} of {len(pictures):,} pictures "
                f"are held out, {len(items):,} of {len(images):,} items are left",
                logger="current",
            )
        return items

    @property
    def metainfo(self) -> dict[str, Any]:
        """Meta information of the first set."""
        metainfo: dict[str, Any] = self.datasets[0].metainfo
        return metainfo

    def __len__(self) -> int:
        """Number of items of an epoch."""
        self.full_init()
        return len(self._items)

    def __getitem__(self, idx: int) -> Any:
        """Run the pipeline of its set for an item."""
        self.full_init()
        number, item = (int(value) for value in self._items[idx])
        return self.datasets[number][item]

    def num_items(self) -> list[int]:
        """Number of items of an epoch, for each set."""
        self.full_init()
        counts = np.bincount(self._items[:, 0], minlength=len(self.datasets))
        return [int(count) for count in counts]

    def kept_images(self, number: int) -> np.ndarray:
        """Positions of a set's images that are not held out.

        Args:
            number: Which of ``datasets``.

        Returns:
            Positions as in :meth:`BaseRefDataset.record`, ``(images,)`` int64, sorted.
        """
        self.full_init()
        items = self._items[self._items[:, 0] == number, 1]
        images: np.ndarray = np.unique(self.datasets[number].item_images()[items])
        return images

    def sentences(self) -> Iterator[str]:
        """All sentences about pictures that are kept, to build a vocabulary from."""
        for number, dataset in enumerate(self.datasets):
            for image in self.kept_images(number):
                for reference in dataset.record(int(image))["references"]:
                    for sentence in reference["sentences"]:
                        yield sentence["text"]


def _checked(weights: Sequence[float] | None, count: int) -> list[float] | None:
    if weights is None:
        return None
    numbers = isinstance(weights, list | tuple) and all(
        isinstance(weight, int | float) and math.isfinite(weight) and weight > 0
        for weight in weights
    )
    if not numbers or len(weights) != count:
        raise ValueError(
            f"weights of MixedRefDataset is {weights!r:.80}; give {count} positive "
            "numbers, one for each of 'datasets', or None"
        )
    return [float(weight) for weight in weights]


def _built(part: Any, place: str, common: dict[str, Any]) -> BaseRefDataset:
    """A dataset of a config; what it says itself wins over what is common to all."""
    if isinstance(part, dict):
        options = {**common, **part}
        # Of a set with another way of sampling, what all have in common is not asked.
        if options.get("sampling") != "image" and "expressions_per_image" not in part:
            options.pop("expressions_per_image", None)
        part = DATASETS.build(options)
    if not isinstance(part, BaseRefDataset):
        raise TypeError(
            f"{place} of MixedRefDataset is a {type(part).__name__}; give a dataset of "
            "mmris, or one of your own that derives from BaseRefDataset"
        )
    return part


def _copies(
    sizes: list[int], weights: list[float] | None, seed: int
) -> list[np.ndarray]:
    """Which items of each set an epoch has, some more than once."""
    if weights is None:
        return [np.arange(size) for size in sizes]
    # Times that an item of each set comes while one of the rarest set comes once.
    often = np.array(weights) / np.array(sizes)
    times = often / often.min()
    for rounds in range(1, MAX_ROUNDS + 1):
        rest = np.abs(times * rounds - np.round(times * rounds)) / (times * rounds)
        if rest.max() <= MAX_UNEVENNESS:
            break
    generator = np.random.default_rng(seed)
    chosen = []
    for size, number in zip(sizes, times * rounds, strict=True):
        whole, rest = divmod(round(number * size), size)
        extra = np.sort(generator.permutation(size)[:rest])
        chosen.append(np.concatenate([np.tile(np.arange(size), whole), extra]))
    return chosen
