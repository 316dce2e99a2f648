"""PhraseCut: phrases about regions of Visual Genome's pictures."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmris.registry import DATASETS

from .annotation_checks import (
    check_unique,
    read_annotation_file,
    required_field,
    required_size,
)
from .base_ref_dataset import BaseRefDataset
from .blank_sentences import leave_out_blank_sentences
from .drawn_polygons import MIN_POINTS
from .image_keys import COCO, VISUAL_GENOME
from .index_files import IndexSource
from .masks import DRAWN_POLYGONS
from .nearby_files import what_lies_at
from .short_repr import short_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .base_ref_dataset import Sampling

SPLITS = ("train", "val", "test", "miniv")
IMAGE_FILE = "image_data_split3000.json"


@DATASETS.register_module()
class PhraseCutDataset(BaseRefDataset):
    """PhraseCut as published: one phrase, and all the objects that it means.

    The files are::

        <data_root>/refer_<split>.json          the phrases with their polygons
        <data_root>/image_data_split3000.json   numbers and sizes of the pictures
        <data_root>/<image_dir>/<image_id>.jpg

    A reference is a phrase, its number that of its position in the files of the split;
    ``ann_ids`` are Visual Genome's. The mask is the union of the polygons of all
    instances, drawn as PhraseCut's own evaluation draws them, outlines included. The
    kind of a phrase is the type of its structure: ``name``, ``attribute``, ``relation``
    or ``verbose``.

    Many of Visual Genome's pictures are COCO's, and some of them in evaluation splits
    of RefCOCO: :meth:`image_keys` names them by both.

    Args:
        split: ``train``, ``val``, ``test`` or ``miniv``, or several joined by ``_``.
            The file of val does not have the pictures of miniv: the whole validation
            set is ``val_miniv``.
        data_root: Folder of the files.
        image_dir: Folder of the pictures below ``data_root``, or an absolute path.
        pipeline: See :class:`BaseRefDataset`, as for the arguments below.
        sampling: What one item is in training.
        expressions_per_image: Most expressions of an item with sampling ``image``.
        seed: Start of the random numbers.
        indices: Take only the first so many images, or those of these indices.
        test_mode: Whether items are for scoring.
        serialize_data: Keep the records as bytes that workers share.
        lazy_init: Leave the reading of annotations to the first access.

    Raises:
        FileNotFoundError: A file or the folder of the pictures is missing.
        ValueError: A file is malformed, or there is no such split.
    """

    def __init__(
        self,
        *,
        split: str,
        data_root: str = "data/VGPhraseCut_v0",
        image_dir: str = "images",
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
        sampling: Sampling = "sentence",
        expressions_per_image: int | None = None,
        seed: int = 0,
        indices: int | Sequence[int] | None = None,
        test_mode: bool = False,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        parts = split.split("_")
        if not set(parts) <= set(SPLITS) or len(set(parts)) < len(parts):
            raise ValueError(
                f"split is {split!r}; choose one of {SPLITS}, or several of them "
                "joined by '_'"
            )
        self.split = split
        super().__init__(
            pipeline=pipeline,
            sampling=sampling,
            expressions_per_image=expressions_per_image,
            seed=seed,
            ann_file=IMAGE_FILE,
            data_root=data_root,
            data_prefix={"img_path": image_dir},
            indices=indices,
            test_mode=test_mode,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the records of the split, one an image in the order of its phrases."""
        images_path, *files = self._files()
        for path in (images_path, *files):
            if not path.is_file():
                raise FileNotFoundError(
                    f"no file {path}: {what_lies_at(path.parent)}. Set 'data_root' of "
                    f"the dataset, now {self.data_root!r}, to the folder of PhraseCut"
                )
        folder = Path(self.data_prefix["img_path"])
        if not folder.is_dir():
            raise FileNotFoundError(
                f"no folder of images {folder}: {what_lies_at(folder)}. Set "
                "'image_dir' of the dataset to that of Visual Genome's pictures"
            )
        images = _read_images(images_path)
        records: dict[int, dict[str, Any]] = {}
        count = 0
        for path in files:
            phrases = _read_phrases(path, first=count)
            count += len(phrases)
            kept = leave_out_blank_sentences([entry for _, entry in phrases], path)
            numbers = {entry["ref_id"] for entry in kept}
            for image_id, reference in phrases:
                if reference["ref_id"] not in numbers:
                    continue
                if image_id not in records:
                    if image_id not in images:
                        raise ValueError(
                            f"{path}: image_id {image_id} is not among the pictures of "
                            f"{images_path}"
                        )
                    records[image_id] = _record(image_id, images[image_id])
                records[image_id]["references"].append(reference)
        if not records:
            raise ValueError(f"{files[0]}: no phrase has any text")
        return list(records.values())

    def index_source(self) -> IndexSource | None:
        """The file of the pictures and those of the phrases."""
        files = self._files()
        whole = all(path.is_file() for path in files)
        if not whole or not Path(self.data_prefix["img_path"]).is_dir():
            return None
        return IndexSource(files=files, options={"split": self.split})

    def _files(self) -> tuple[Path, ...]:
        images = Path(self.ann_file)
        parts = self.split.split("_")
        return (images, *(images.with_name(f"refer_{part}.json") for part in parts))


def _read_images(path: Path) -> dict[int, dict[str, Any]]:
    """What is known of each picture, by its number."""
    images = {}
    for number, entry in enumerate(_read_list(path, "pictures")):
        where = f"{path}, entry {number}"
        image_id = required_field(entry, "image_id", int, where)
        required_size(entry, where)
        if image_id in images:
            raise ValueError(f"{path}: image_id {image_id} stands twice")
        images[image_id] = entry
    return images


def _read_phrases(path: Path, *, first: int) -> list[tuple[int, dict[str, Any]]]:
    """References of a file, each with the number of its picture."""
    entries = _read_list(path, "phrases")
    phrases = []
    for number, entry in enumerate(entries):
        where = f"{path}, entry {number}"
        image_id = required_field(entry, "image_id", int, where)
        phrases.append((image_id, _reference(entry, first + number, where)))
    check_unique((entry["task_id"] for entry in entries), "task_id", path)
    return phrases


def _read_list(path: Path, meaning: str) -> list[Any]:
    content = read_annotation_file(path)
    if not isinstance(content, list):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; expected a list of {meaning}"
        )
    return content


def _reference(entry: dict[str, Any], number: int, where: str) -> dict[str, Any]:
    task = required_field(entry, "task_id", (str, int), where)
    where = f"{where} (task_id {task})"
    numbers = required_field(entry, "ann_ids", list, where)
    if any(type(value) is not int for value in numbers):
        raise ValueError(
            f"{where}: 'ann_ids' is {short_repr(numbers)}; expected ids, all int"
        )
    structure = entry.get("phrase_structure")
    kind = structure.get("type", "") if isinstance(structure, dict) else ""
    return {
        "ref_id": number,
        "ann_ids": numbers,
        "category_id": -1,
        "segmentations": [
            {DRAWN_POLYGONS: _instance(instance, where)}
            for instance in _instances(entry, where)
        ],
        "sentences": [
            {
                "sent_id": number,
                "text": required_field(entry, "phrase", str, where),
                "kind": str(kind),
            }
        ],
    }


def _instances(entry: dict[str, Any], where: str) -> list[Any]:
    instances: list[Any] = required_field(entry, "Polygons", list, where)
    if not instances:
        raise ValueError(f"{where}: 'Polygons' is empty; a phrase needs a region")
    boxes = entry.get("instance_boxes", instances)
    if not isinstance(boxes, list) or len(boxes) != len(instances):
        raise ValueError(
            f"{where}: 'instance_boxes' is {short_repr(boxes)}; expected one box for "
            "each of "
            f"the {len(instances)} 'Polygons'"
        )
    return instances


def _instance(polygons: Any, where: str) -> list[list[float]]:
    """The polygons of an instance as flat lists; those of one point draw nothing."""
    if not isinstance(polygons, list) or not all(
        isinstance(polygon, list) and all(_is_point(point) for point in polygon)
        for polygon in polygons
    ):
        raise ValueError(
            f"{where}: 'Polygons' has {short_repr(polygons)}; expected, for each "
            "instance, "
            "polygons of points [x, y]"
        )
    drawn = [list(chain(*polygon)) for polygon in polygons if len(polygon) > 1]
    if not drawn:
        raise ValueError(
            f"{where}: an instance has no polygon of {MIN_POINTS} points or more"
        )
    return drawn


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(value) in (int, float) for value in point)
    )


def _record(image_id: int, image: dict[str, Any]) -> dict[str, Any]:
    keys: list[tuple[str, int]] = [(VISUAL_GENOME, image_id)]
    if type(image.get("coco_id")) is int:
        keys.append((COCO, image["coco_id"]))
    return {
        "image_id": image_id,
        "file_name": f"{image_id}.jpg",
        "image_keys": keys,
        "height": image["height"],
        "width": image["width"],
        "references": [],
    }
