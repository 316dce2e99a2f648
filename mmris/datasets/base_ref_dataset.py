"""One image with its expressions is one record; sampling says what one item is."""

from __future__ import annotations

import copy
import os
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from mmengine.dataset import BaseDataset, force_full_init

from mmris.utils import seeded_random_state

from .distractors import count_distractors
from .draws import Draw, current_draw
from .image_keys import file_key
from .index_files import IndexSource, open_index
from .pipeline_check import check_pipeline
from .record_check import check_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .image_keys import ImageKey
    from .record_index import RecordIndex

Sampling = Literal["sentence", "reference", "image"]


class BaseRefDataset(BaseDataset):
    """Base of all referring segmentation datasets.

    A subclass gives records, one an image, through :meth:`load_data_list`::

        dict(image_id=int, img_path=str or file_name=str, height=int, width=int,
             references=[dict(ref_id=int, ann_ids=[int, ...], category_id=int,
                              segmentations=[polygons or RLE, ...],
                              sentences=[dict(sent_id=int, text=str, kind=str), ...])])

    ``segmentations`` holds one COCO segmentation for each annotation; the mask of a
    reference is the union of them all, none of them an empty mask: a sentence about
    nothing in the picture is a reference without annotations. ``kind`` names a
    group of expressions that scores are broken down by, ``""`` for none. A reference
    may have ``num_distractors``, see :func:`count_distractors`. A record may have
    ``image_keys``, a list of the picture's names, see :meth:`image_keys`. A
    ``file_name`` is below the folder ``data_prefix["img_path"]``.

    Large annotation files are read once, if :meth:`index_source` says which they are;
    from then on an index of them is, which all processes share.

    The pipeline receives of a record what one item needs: ``image_id``, ``img_path``,
    ``height``, ``width``, ``expressions`` (K strings), ``ref_ids``, ``ann_ids``,
    ``sent_ids``, ``category_ids``, ``num_distractors``, ``kinds`` (K entries each),
    ``segmentations`` (one entry for each of the R references among the expressions) and
    ``mask_index`` (``(K,)`` int64, the entry of ``segmentations`` for each expression).

    In training, everything random in an item, the choice of sentences included, is
    drawn from (seed, item, pass over the data): anew each epoch and the same whatever
    the number of workers and processes and wherever the run was interrupted, see
    :mod:`mmris.datasets.draws`. Outside of a training a dataset counts how often it
    gave each item. In test mode an item is an image with all its
    expressions in the order of the annotation file, whatever the sampling.

    Args:
        pipeline: Transforms, configs or callables.
        sampling: What one item is in training. ``"sentence"``: each sentence once an
            epoch. ``"reference"``: each reference once, with one of its sentences at
            random. ``"image"``: each image once, with several of its expressions.
        expressions_per_image: With sampling ``"image"``, at most so many expressions an
            image, at random without repetition; None takes all. Other ways of sampling
            refuse it in training.
        seed: Start of the random numbers.
        ann_file: Annotation file below ``data_root``.
        data_root: Folder of the dataset.
        data_prefix: Folders of the images below ``data_root``.
        indices: Take only the first so many images, or those of these indices.
        test_mode: Whether items are for scoring.
        serialize_data: Keep the records as bytes that workers share.
        lazy_init: Leave the reading of annotations to the first access.

    Raises:
        ValueError: An argument is out of its range, or the sampling would ignore it;
            the pipeline moves pictures away from their masks; a record is malformed, or
            no image is left.
    """

    def __init__(
        self,
        *,
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
        sampling: Sampling = "sentence",
        expressions_per_image: int | None = None,
        seed: int = 0,
        ann_file: str = "",
        data_root: str = "",
        data_prefix: dict[str, str] | None = None,
        indices: int | Sequence[int] | None = None,
        test_mode: bool = False,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        if sampling not in get_args(Sampling):
            raise ValueError(
                f"sampling is {sampling!r}; choose one of {get_args(Sampling)}"
            )
        if expressions_per_image is not None and expressions_per_image < 1:
            raise ValueError(
                f"expressions_per_image is {expressions_per_image}; give at least 1, "
                "or None for all expressions of an image"
            )
        # In test mode an item is an image with all of them, whatever the sampling.
        if expressions_per_image is not None and sampling != "image" and not test_mode:
            raise ValueError(
                f"expressions_per_image is {expressions_per_image}, but with sampling "
                f"{sampling!r} an item has one expression. Set sampling='image' or "
                "expressions_per_image=None"
            )
        self.sampling = sampling
        self.expressions_per_image = expressions_per_image
        self.seed = seed
        self._index: RecordIndex | None = None
        # Which records of the index are taken.
        self._positions = np.zeros(0, dtype=np.int64)
        self._items = np.zeros((0, 3), dtype=np.int64)
        self._visits = torch.zeros(0, dtype=torch.int32)
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=data_prefix or {"img_path": ""},
            indices=indices,
            serialize_data=serialize_data,
            pipeline=list(pipeline),
            test_mode=test_mode,
            lazy_init=True,
        )
        # Before annotations are read, which may take a minute.
        check_pipeline(self.pipeline.transforms, test_mode=test_mode)
        if not lazy_init:
            self.full_init()

    @property
    def seeds_items(self) -> bool:
        """Whether an item seeds all generators for its draw, so that nobody else need.

        In test mode it does not.
        """
        return not self.test_mode

    @abstractmethod
    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the records, one an image."""

    def load_image(self, record: dict[str, Any]) -> np.ndarray | None:
        """Make the picture of a record, for datasets without image files.

        Args:
            record: The record.

        Returns:
            ``(H, W, 3)`` uint8 in BGR order, or None to have it read from ``img_path``.
        """
        return None

    def index_source(self) -> IndexSource | None:
        """The files and options that decide the records, for an index of them.

        A subclass that gives them promises that nothing else changes what
        :meth:`load_data_list` gives, that its records are made of what JSON knows and
        have a ``file_name`` where they have a file, and that no ``load_image`` of its
        own needs their ``segmentations``, which are decoded later.

        Returns:
            None if no index is to be made, or if a file is missing, so that
            :meth:`load_data_list` says so.
        """
        return None

    def full_init(self) -> None:
        """Read the annotations, or their index, and lay out the items."""
        if self._fully_initialized:
            return
        source = self.index_source() if self.serialize_data else None
        # What filter_data of a subclass looks at, an index cannot know of.
        if source is None or type(self).filter_data is not BaseDataset.filter_data:
            super().full_init()
            references, sentences = self._count_records()
        else:
            self._index = open_index(source, self.load_data_list)
            self._positions = self._chosen_positions(len(self._index))
            self._fully_initialized: bool = True
            references, sentences = self._index.counts(self._positions)
        self._set_items(self._lay_out(references, sentences))

    def _count_records(self) -> tuple[np.ndarray, np.ndarray]:
        """References of each record, and sentences of each reference."""
        makes_pictures = type(self).load_image is not BaseRefDataset.load_image
        groups = []
        for image in range(self.num_images):
            # Not _folded_record, which needs fields that may be missing.
            record: dict[str, Any] = super().get_data_info(image)
            check_record(
                record,
                where=f"{type(self).__name__} {self.ann_file}: record {image}",
                makes_pictures=makes_pictures,
            )
            groups.append(record["references"])
        references = [len(group) for group in groups]
        sentences = [len(entry["sentences"]) for group in groups for entry in group]
        return np.asarray(references, np.int64), np.asarray(sentences, np.int64)

    def _chosen_positions(self, count: int) -> np.ndarray:
        """Positions of the records that ``indices`` takes."""
        positions = np.arange(count)
        if self._indices is None:
            return positions
        if isinstance(self._indices, int):
            first = self._indices >= 0
            return positions[: self._indices] if first else positions[self._indices :]
        return positions[np.asarray(self._indices, dtype=np.int64)]

    def _lay_out(self, references: np.ndarray, sentences: np.ndarray) -> np.ndarray:
        """Rows (image, reference, sentence); -1 leaves the choice to the draw.

        Args:
            references: ``(I,)`` int64, references of each image.
            sentences: ``(R,)`` int64, sentences of each reference, image by image.

        Returns:
            ``(items, 3)`` int64.
        """
        image = np.arange(len(references))
        if self.test_mode or self.sampling == "image":
            return np.stack([image, *[np.full_like(image, -1)] * 2], axis=1)
        image, reference = np.repeat(image, references), _count_up(references)
        if self.sampling == "reference":
            return np.stack([image, reference, np.full_like(image, -1)], axis=1)
        rows = [np.repeat(image, sentences), np.repeat(reference, sentences)]
        return np.stack([*rows, _count_up(sentences)], axis=1)

    def _set_items(self, items: np.ndarray) -> None:
        if not len(items):
            raise self._no_item()
        self._items = items
        # In shared memory: whichever worker of a data loader serves an item counts it.
        self._visits = torch.zeros(len(items), dtype=torch.int32)
        self._visits.share_memory_()  # type: ignore[no-untyped-call]  # torch's own

    @force_full_init
    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """Keep some items only, as ``num_batch_per_epoch`` of a data loader asks for.

        Args:
            indices: The items, or how many: of the first, negative of the last.
        """
        if isinstance(indices, int):
            kept = self._items[:indices] if indices >= 0 else self._items[indices:]
        else:
            kept = self._items[list(indices)]
        self._set_items(kept)

    @force_full_init
    def get_subset(self, indices: Sequence[int] | int) -> BaseRefDataset:
        """A dataset of some of the items, which shares the records with this one.

        Args:
            indices: The items, or how many: of the first, negative of the last.
        """
        subset = copy.copy(self)
        subset.get_subset_(indices)
        return subset

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """Pack the records; MMEngine's message for none of them says nothing."""
        if not self.data_list:
            raise self._no_item()
        packed: tuple[np.ndarray, np.ndarray] = super()._serialize_data()
        return packed

    def _no_item(self) -> ValueError:
        return ValueError(
            f"{type(self).__name__} has no item: ann_file {self.ann_file!r}, "
            f"data_root {self.data_root!r}, indices {self._indices!r}. Check the "
            "split and the indices of this dataset"
        )

    @force_full_init
    def __len__(self) -> int:
        """Number of items; of images in test mode."""
        return len(self._items)

    @property
    def num_images(self) -> int:
        """Number of images."""
        self.full_init()
        return int(super().__len__() if self._index is None else len(self._positions))

    def record(self, image: int) -> dict[str, Any]:
        """The record of an image.

        Args:
            image: Its position, from 0 to ``num_images - 1``.
        """
        record = self._folded_record(image)
        for entry in record["references"]:
            entry["segmentations"] = self._unfolded(entry["segmentations"])
        return record

    def _folded_record(self, image: int) -> dict[str, Any]:
        """The record, ``segmentations`` being what :meth:`_unfolded` takes."""
        if self._index is None:
            record: dict[str, Any] = super().get_data_info(image)
        else:
            record = self._index.folded_record(int(self._positions[image]))
            record["sample_idx"] = image if image >= 0 else self.num_images + image
        if "file_name" in record:
            # pathlib takes five times as long, for every item.
            record["img_path"] = os.path.join(
                self.data_prefix["img_path"], record.pop("file_name")
            )
        return record

    def _unfolded(self, segmentations: Any) -> Any:
        index = self._index
        return segmentations if index is None else index.unfolded(segmentations)

    def image_keys(self, image: int) -> tuple[ImageKey, ...]:
        """Names of a picture that mean the same in every dataset.

        Those that its record has as ``image_keys``, or else the one that its file has.

        Args:
            image: Its position, from 0 to ``num_images - 1``.

        Returns:
            Pairs of a collection and the picture's number or path in it, one or more: a
            picture of Visual Genome may be COCO's as well.
        """
        record = self._folded_record(image)
        keys = tuple((name, number) for name, number in record.get("image_keys", ()))
        return keys or (file_key(record["img_path"]),)

    def image_ids(self) -> dict[str, set[int | str]]:
        """All pictures of the items, by collection.

        Two datasets share a picture if both have it under the same collection.
        """
        numbers: dict[str, set[int | str]] = {}
        for image in np.unique(self.item_images()):
            for collection, number in self.image_keys(int(image)):
                numbers.setdefault(collection, set()).add(number)
        return numbers

    def item_images(self) -> np.ndarray:
        """Position of each item's image, ``(len(self),)`` int64."""
        self.full_init()
        return self._items[:, 0]

    def sentences(self) -> Iterator[str]:
        """All sentences of the dataset, to build a vocabulary from."""
        for image in range(self.num_images):
            for reference in self._folded_record(image)["references"]:
                for sentence in reference["sentences"]:
                    yield sentence["text"]

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """What the pipeline receives for an item.

        Random choices are drawn from NumPy's global generator.

        Args:
            idx: The item.
        """
        image, reference, sentence = (int(value) for value in self._items[idx])
        record = self._folded_record(image)
        references = record["references"]
        pairs = [
            (r, s)
            for r, entry in enumerate(references)
            for s in range(len(entry["sentences"]))
        ]
        if sentence >= 0:
            pairs = [(reference, sentence)]
        elif reference >= 0:
            count = len(references[reference]["sentences"])
            pairs = [(reference, int(np.random.randint(count)))]
        elif not self.test_mode and self.expressions_per_image is not None:
            count = min(self.expressions_per_image, len(pairs))
            chosen = np.random.choice(len(pairs), size=count, replace=False)
            pairs = [pairs[position] for position in sorted(chosen)]
        return self._item(idx, record, pairs)

    def _item(
        self, idx: int, record: dict[str, Any], pairs: list[tuple[int, int]]
    ) -> dict[str, Any]:
        used = sorted({reference for reference, _ in pairs})
        distractors = count_distractors(record)
        references = [record["references"][reference] for reference, _ in pairs]
        sentences = [record["references"][r]["sentences"][s] for r, s in pairs]
        item = {key: value for key, value in record.items() if key != "references"}
        item.update(
            sample_idx=idx,
            expressions=[sentence["text"] for sentence in sentences],
            sent_ids=[sentence["sent_id"] for sentence in sentences],
            kinds=[sentence["kind"] for sentence in sentences],
            ref_ids=[entry["ref_id"] for entry in references],
            ann_ids=[list(entry["ann_ids"]) for entry in references],
            category_ids=[entry["category_id"] for entry in references],
            num_distractors=[distractors[reference] for reference, _ in pairs],
            segmentations=[
                self._unfolded(record["references"][r]["segmentations"]) for r in used
            ],
            mask_index=np.asarray([used.index(r) for r, _ in pairs], dtype=np.int64),
        )
        image = self.load_image(record)
        if image is not None:
            item["img"] = image
        return item

    @force_full_init
    def __getitem__(self, idx: int) -> Any:
        """Run the pipeline for an item."""
        if self.test_mode:
            return self.pipeline(self.get_data_info(idx))
        draw = current_draw()
        if draw is None:  # not one of a training
            visits = self._visits.numpy()  # by itself torch takes 0.1 ms for these two
            draw = Draw(idx % len(self), int(visits[idx]))
            visits[idx] += 1
        with seeded_random_state(self.seed, *draw):
            return self.pipeline(self.get_data_info(idx))


def _count_up(lengths: np.ndarray) -> np.ndarray:
    """0, 1, ..., n - 1 for each n, one after the other."""
    starts = np.cumsum(lengths) - lengths
    counted: np.ndarray = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    return counted
