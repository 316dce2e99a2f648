"""Reads ReferIt and PhraseCut split by split, through their datasets.

A split with a mistake in its files is one finding: these formats are read strictly.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mmris.datasets.annotation_checks import read_annotation_file
from mmris.datasets.phrasecut_dataset import IMAGE_FILE, PhraseCutDataset
from mmris.datasets.phrasecut_dataset import SPLITS as PHRASECUT_SPLITS
from mmris.datasets.referit_dataset import REGIONS_PER_PICTURE, ReferItDataset

from .content import Content, Mask, Picture, Reference

if TYPE_CHECKING:
    from pathlib import Path

    from mmris.datasets.base_ref_dataset import BaseRefDataset

    from .findings import Findings

_QUERIES = "referit_query_{}.json"
_PHRASES = "refer_{}.json"


def is_referit(folder: Path) -> bool:
    """Whether ReferIt's query files lie in a folder.

    Args:
        folder: The folder.
    """
    return any(folder.glob(_QUERIES.format("*")))


def is_phrasecut(folder: Path) -> bool:
    """Whether PhraseCut's files lie in a folder.

    Args:
        folder: The folder.
    """
    return (folder / IMAGE_FILE).is_file()


def _referit_root(folder: Path) -> Path:
    return folder.parent if folder.name == "referit" else folder


def referit_pictures(folder: Path, image_dir: str | None) -> Path:
    """The folder of ReferIt's pictures.

    Args:
        folder: Folder of the query files: the data root, or ``referit`` in it.
        image_dir: Folder below the data root; None for the published place.
    """
    return _referit_root(folder) / (image_dir or "referit/images")


def phrasecut_pictures(folder: Path, image_dir: str | None) -> Path:
    """The folder of PhraseCut's pictures.

    Args:
        folder: Its folder.
        image_dir: Folder in it, or an absolute path; None for the published place.
    """
    return folder / (image_dir or "images")


def read_referit(
    folder: Path, image_dir: str | None, findings: Findings
) -> tuple[Content, Path]:
    """Read ReferIt.

    Args:
        folder: Folder of the query files: the data root, or ``referit`` in it.
        image_dir: Folder of the pictures; None for the published place.
        findings: Takes what is wrong.

    Returns:
        Its splits, and the folder of the pictures. ``train`` and ``val`` are read only
        where ``trainval``, which they are parts of, is not there.
    """
    root = _referit_root(folder)
    names = ["trainval", "test"]
    if not (folder / _QUERIES.format("trainval")).is_file():
        names = ["train", "val", "test"]
    images = referit_pictures(folder, image_dir)
    content = Content("referit", "", str(folder / _QUERIES.format("*")))
    for name in names:
        if (folder / _QUERIES.format(name)).is_file():
            dataset = ReferItDataset(
                split=name,
                data_root=str(root),
                image_dir=str(images),
                serialize_data=False,
                test_mode=True,
                lazy_init=True,
            )
            _add(content, dataset, name, images, findings)
            _count_left_out(content, folder / _QUERIES.format(name), name)
    return content, images


def _count_left_out(content: Content, path: Path, split: str) -> None:
    """Count what the dataset leaves out, as the published numbers do.

    That is regions of pictures that the release lacks, and sentences without text.
    """
    read = {r.ref_id: r for r in content.references if r.split == split}
    if not read:
        return
    for name, sentences in read_annotation_file(path).items():
        image, region = (int(part) for part in name.split("_"))
        number = image * REGIONS_PER_PICTURE + region
        known = read.get(number, Reference(number, image, split, (), 0))
        read[number] = replace(known, num_sentences=len(sentences))
    others = [r for r in content.references if r.split != split]
    content.references = [*others, *read.values()]


def read_phrasecut(
    folder: Path, image_dir: str | None, findings: Findings
) -> tuple[Content, Path]:
    """Read PhraseCut.

    Args:
        folder: Its folder.
        image_dir: Folder of the pictures; None for the published place.
        findings: Takes what is wrong.

    Returns:
        Its splits, and the folder of the pictures.
    """
    images = phrasecut_pictures(folder, image_dir)
    content = Content("phrasecut", "", str(folder / _PHRASES.format("*")))
    for name in PHRASECUT_SPLITS:
        if (folder / _PHRASES.format(name)).is_file():
            dataset = PhraseCutDataset(
                split=name,
                data_root=str(folder),
                image_dir=str(images),
                serialize_data=False,
                test_mode=True,
                lazy_init=True,
            )
            _add(content, dataset, name, images, findings)
    return content, images


def _add(
    content: Content,
    dataset: BaseRefDataset,
    split: str,
    images: Path,
    findings: Findings,
) -> None:
    try:
        dataset.full_init()
    except (OSError, ValueError) as error:
        findings.add("unreadable_split", f"{content.dataset} {split}: {error}")
        return
    for position in range(dataset.num_images):
        record = dataset.record(position)
        image_id = record["image_id"]
        name = os.path.relpath(record["img_path"], images)
        size = record["height"], record["width"]
        content.pictures.setdefault(image_id, Picture(image_id, name, *size))
        for entry in record["references"]:
            content.references.append(_reference(content, entry, image_id, split))


def _reference(
    content: Content, entry: dict[str, Any], image_id: int, split: str
) -> Reference:
    numbers = []
    for segmentation in entry["segmentations"]:
        number = len(content.masks)
        place = f"{content.dataset} {split}, reference {entry['ref_id']}"
        content.masks[number] = Mask(image_id, segmentation, place)
        numbers.append(number)
    return Reference(
        entry["ref_id"], image_id, split, tuple(numbers), len(entry["sentences"])
    )
