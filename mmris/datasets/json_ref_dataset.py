"""A user's own pictures: a JSON or JSONL list of image, mask and sentences."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.logging import print_log

from mmris.registry import DATASETS

from .base_ref_dataset import BaseRefDataset
from .entry_numbers import EntryNumbering
from .image_keys import file_key
from .json_entries import read_json_entries
from .nearby_files import find_one_level_off, what_lies_at
from .own_masks import MaskReader
from .picture_headers import PictureHeader, read_picture_header
from .ref_entry import RefEntry, parse_ref_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .base_ref_dataset import Sampling
    from .entry_numbers import EntryNumbers
    from .image_keys import ImageKey


@DATASETS.register_module()
class JsonRefDataset(BaseRefDataset):
    """Own data: a list of objects, each with its picture, its mask and its sentences.

    The file is a ``.json`` list, or ``.jsonl`` with one entry a line, which takes less
    memory. An entry::

        {"image": "kitchen.jpg",
         "mask": [[10, 20, 60, 20, 60, 90]],
         "sentences": ["the red cup", "the cup on the left"],
         "split": "train"}

    ``mask`` is a list of polygons ``[x0, y0, x1, y1, ...]`` in pixels, a COCO
    run-length encoding, compressed or not, or the path of a PNG file whose pixels are
    not 0 on the object (or equal to ``mask_value``, if the entry has it). An entry
    whose sentences are about nothing in the picture has ``"no_target": true`` instead.
    ``split``, ``kind``, ``category``, ``image_id``, ``ref_id`` and ``sent_ids`` are
    optional; any other key is refused. Entries of the same picture become one record.
    The page ``docs/en/own_data.md`` has the details.

    Fields, pictures' sizes and masks of the chosen split are checked when the file is
    read, so that training does not stop at a bad one later. Masks are kept as
    run-length encodings. All masks that are given have at least one pixel.

    Masks are in the pixels of the picture as they are stored: a turn that EXIF data
    ask for is ignored, with a warning.

    Args:
        ann_file: The file below ``data_root``, or an absolute path.
        split: Take the entries of this split; None takes all, whatever split they name.
        data_root: Folder of the data.
        image_dir: Folder of the pictures below ``data_root``, or an absolute path.
        mask_dir: Folder of the PNG masks below ``data_root``, or an absolute path.
        pipeline: See :class:`BaseRefDataset`, as for the arguments below.
        sampling: What one item is in training; a reference is an entry.
        expressions_per_image: Most expressions of an item with sampling ``image``.
        seed: Start of the random numbers.
        indices: Take only the first so many images, or those of these indices.
        test_mode: Whether items are for scoring.
        serialize_data: Keep the records as bytes that workers share.
        lazy_init: Leave the reading of annotations to the first access.

    Raises:
        FileNotFoundError: The file, a picture or a mask is missing.
        ValueError: The file or an entry is malformed, or there is no such split.
    """

    def __init__(  # noqa: PLR0913 every argument stands for itself, none in a **kwargs
        self,
        *,
        ann_file: str,
        split: str | None = None,
        data_root: str = "",
        image_dir: str = "",
        mask_dir: str = "",
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
        sampling: Sampling = "sentence",
        expressions_per_image: int | None = None,
        seed: int = 0,
        indices: int | Sequence[int] | None = None,
        test_mode: bool = False,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        self.split = split
        self.categories: dict[str, int] = {}
        super().__init__(
            pipeline=pipeline,
            sampling=sampling,
            expressions_per_image=expressions_per_image,
            seed=seed,
            ann_file=ann_file,
            data_root=data_root,
            data_prefix={"img_path": image_dir, "mask_path": mask_dir},
            indices=indices,
            test_mode=test_mode,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the records of the split, one an image in the order of the file."""
        path = Path(self.ann_file)
        if not path.is_file():
            raise self._no_file(path)
        image_folder = Path(self.data_prefix["img_path"])
        masks = MaskReader(Path(self.data_prefix["mask_path"]))
        records: dict[str, dict[str, Any]] = {}
        turned = []
        for entry, image, numbers in self._entries(path):
            if image not in records:
                header = _header(image_folder, image, entry)
                records[image] = _record(image_folder / image, header, numbers)
                if header.turned:
                    turned.append(image)
            record = records[image]
            found = masks.read(entry, record["height"], record["width"])
            record["references"].append(_reference(entry, found, numbers))
        if turned:
            print_log(
                f"{path}: the EXIF data of {len(turned)} pictures ask viewers to turn "
                f"them, the first of them {turned[0]}. Masks are taken in the pixels "
                "as they are stored; if yours were drawn on turned pictures, save the "
                "pictures turned and without EXIF data",
                logger="current",
                level=logging.WARNING,
            )
        return list(records.values())

    def annotated_pictures(self) -> list[tuple[ImageKey, ...]]:
        """Names of the pictures in the file, without opening any of them."""
        path = Path(self.ann_file)
        if not path.is_file():
            raise self._no_file(path)
        folder = Path(self.data_prefix["img_path"])
        images = dict.fromkeys(image for _, image, _ in self._entries(path))
        return [(file_key(str(folder / image)),) for image in images]

    def _entries(self, path: Path) -> Iterator[tuple[RefEntry, str, EntryNumbers]]:
        """The entries of the split, with the normal form of their picture's path.

        All entries of the file are checked and counted, also those of other splits.
        """
        numbering = EntryNumbering(path)
        splits: set[str] = set()
        found = False
        for where, value in read_json_entries(path):
            entry = parse_ref_entry(value, where)
            image = os.path.normpath(entry.image)
            numbers = numbering.number(entry, image)
            if self.split is not None and entry.split is None:
                raise ValueError(
                    f"{where} has no 'split', but the split {self.split!r} is wanted. "
                    "Write it in every entry, or set 'split' of the dataset to None to "
                    "take the whole file"
                )
            splits.add(entry.split or "")
            if self.split in (None, entry.split):
                found = True
                yield entry, image, numbers
        if not found:
            raise ValueError(
                f"{path} has no split {self.split!r}; it has {sorted(splits)}. Set "
                "'split' of the dataset to one of them"
            )
        self.categories = numbering.categories

    def _no_file(self, path: Path) -> FileNotFoundError:
        # The base has put the data root before the name, unless that was absolute.
        root = Path(self.data_root)
        start = root if path.is_relative_to(root) else path.parent
        other = find_one_level_off(start, str(path.relative_to(start)))
        if other is None:
            return FileNotFoundError(
                f"no file {path}: {what_lies_at(path.parent)}. Set 'data_root' and "
                "'ann_file' of the dataset"
            )
        return FileNotFoundError(
            f"no file {path}. It lies one level off, at {other}: set 'data_root' of "
            f"the dataset, now {self.data_root!r}, to match"
        )


def _header(folder: Path, image: str, entry: RefEntry) -> PictureHeader:
    try:
        return read_picture_header(folder, image)
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f"{entry.where}: 'image': {error}") from None


def _record(path: Path, header: PictureHeader, numbers: EntryNumbers) -> dict[str, Any]:
    return {
        "image_id": numbers.image_id,
        "img_path": str(path),
        "height": header.height,
        "width": header.width,
        "references": [],
    }


def _reference(
    entry: RefEntry, masks: list[dict[str, Any]], numbers: EntryNumbers
) -> dict[str, Any]:
    return {
        "ref_id": numbers.ref_id,
        # An object is known by its entry; where there is none, there is no object.
        "ann_ids": [numbers.ref_id] if masks else [],
        "category_id": numbers.category_id,
        "segmentations": masks,
        "sentences": [
            {"sent_id": number, "text": text, "kind": entry.kind}
            for number, text in zip(numbers.sent_ids, entry.sentences, strict=True)
        ],
    }
