"""Writes generated scenes to disk as RefCOCO is published.

The files are::

    <out>/images/mscoco/images/train2014/COCO_train2014_<12 digits>.jpg
    <out>/shapes/instances.json
    <out>/shapes/refs(unc).p
    <out>/shapes/scenes.json       how the scenes were made
"""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import cv2

from mmris.datasets.shapes_ref_dataset import (
    ANNOTATIONS_PER_IMAGE,
    ShapesRefDataset,
    image_number,
)

from .attributes import SHAPES
from .polygons import mask_to_polygons

if TYPE_CHECKING:
    from pathlib import Path

IMAGE_FOLDER = "images/mscoco/images/train2014"
ANNOTATION_FOLDER = "shapes"
OPTIONS_FILE = "scenes.json"
ANNOTATION_FILES = ("instances.json", "refs(unc).p", OPTIONS_FILE)
JPEG_OPTIONS = [
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    # Full colour resolution: stripes are a few pixels wide.
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]


def write_refer_layout(
    out: Path,
    *,
    num_images: dict[str, int],
    options: dict[str, Any],
    overwrite: bool = False,
) -> dict[str, int]:
    """Write all splits.

    Args:
        out: The folder.
        num_images: Scenes of each split; none for a split left out or 0.
        options: Further arguments of :class:`ShapesRefDataset`.
        overwrite: Whether to replace what this program wrote there before.

    Returns:
        Number of ``images``, ``annotations``, ``references`` and ``sentences``.

    Raises:
        FileExistsError: The folder is not empty.
        OSError: A picture cannot be written.
        ValueError: An argument is out of its range.
    """
    # Made first: an argument that is refused leaves the folder as it was.
    datasets = [
        ShapesRefDataset(split=split, num_images=number, test_mode=True, **options)
        for split, number in num_images.items()
        if number != 0
    ]
    if not datasets:
        raise ValueError("every split has 0 scenes; set one of --num-train, --num-val")
    _prepare_folder(out, overwrite=overwrite)
    folder = out / ANNOTATION_FOLDER
    recipe = {"num_images": num_images, **options}
    (folder / OPTIONS_FILE).write_text(json.dumps(recipe, indent=2), encoding="utf-8")
    instances: dict[str, Any] = {
        "info": {"description": "generated scenes", "version": "1.0"},
        "licenses": [{"id": 1, "name": "Apache License 2.0", "url": ""}],
        "images": [],
        "annotations": [],
        "categories": [
            {"id": number, "name": shape, "supercategory": "shape"}
            for number, shape in enumerate(SHAPES, start=1)
        ],
    }
    references: list[dict[str, Any]] = []
    for dataset in datasets:
        images, annotations, more = _write_split(dataset, out / IMAGE_FOLDER)
        instances["images"] += images
        instances["annotations"] += annotations
        references += more
    with (folder / "instances.json").open("w", encoding="utf-8") as file:
        json.dump(instances, file)
    with (folder / "refs(unc).p").open("wb") as file:
        pickle.dump(references, file, protocol=2)
    return {
        "images": len(instances["images"]),
        "annotations": len(instances["annotations"]),
        "references": len(references),
        "sentences": sum(len(reference["sent_ids"]) for reference in references),
    }


def _prepare_folder(out: Path, *, overwrite: bool) -> None:
    """Make the folder, or refuse one that holds something.

    Only pictures that were written here are ever removed: photographs of COCO have
    names of the same form.
    """
    recipe = out / ANNOTATION_FOLDER / OPTIONS_FILE
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not recipe.is_file():
            raise FileExistsError(
                f"{out} exists, is not an empty folder and was not written by this "
                "program; give another folder"
            )
        if not overwrite:
            raise FileExistsError(
                f"{out} holds scenes already; give another folder, or --overwrite to "
                "replace them"
            )
        written = json.loads(recipe.read_text(encoding="utf-8"))["num_images"]
        for split, number in written.items():
            for index in range(number):
                name = _picture_name(image_number(split, index))
                (out / IMAGE_FOLDER / f"{name}.jpg").unlink(missing_ok=True)
        for name in ANNOTATION_FILES:
            (out / ANNOTATION_FOLDER / name).unlink(missing_ok=True)
    (out / IMAGE_FOLDER).mkdir(parents=True, exist_ok=True)
    (out / ANNOTATION_FOLDER).mkdir(exist_ok=True)


def _picture_name(image_id: int) -> str:
    return f"COCO_train2014_{image_id:012d}"


def _write_split(
    dataset: ShapesRefDataset, image_folder: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Write the pictures of a split.

    Args:
        dataset: The split.
        image_folder: Where pictures go.

    Returns:
        Its images and annotations for ``instances.json`` and its references.
    """
    images, annotations, references = [], [], []
    for index in range(dataset.num_images):
        record = dataset.record(index)
        name = _picture_name(record["image_id"])
        path = image_folder / f"{name}.jpg"
        if not cv2.imwrite(str(path), dataset.load_image(record), JPEG_OPTIONS):
            raise OSError(f"cannot write {path}; check the folder and the free space")
        images.append(
            {
                "id": record["image_id"],
                "file_name": path.name,
                "height": record["height"],
                "width": record["width"],
                "license": 1,
            }
        )
        annotations += _annotations(dataset, index)
        for reference in record["references"]:
            references.append(_reference(record, reference, dataset.split, name))
    return images, annotations, references


def _annotations(dataset: ShapesRefDataset, index: int) -> list[dict[str, Any]]:
    scene = dataset.scene(index)
    image_id = dataset.record(index)["image_id"]
    return [
        {
            "id": image_id * ANNOTATIONS_PER_IMAGE + number,
            "image_id": image_id,
            "category_id": SHAPES.index(entry.shape) + 1,
            "segmentation": mask_to_polygons(scene.mask(number)),
            "area": float(entry.area),
            "bbox": [float(value) for value in entry.box],
            "iscrowd": 0,
        }
        for number, entry in enumerate(scene.objects)
    ]


def _reference(
    record: dict[str, Any], reference: dict[str, Any], split: str, name: str
) -> dict[str, Any]:
    (annotation_id,) = reference["ann_ids"]
    return {
        "ref_id": reference["ref_id"],
        "ann_id": annotation_id,
        "category_id": reference["category_id"],
        "image_id": record["image_id"],
        # As published: a number after the picture's name, so that it names no file.
        "file_name": f"{name}_{annotation_id}.jpg",
        "split": split,
        "sent_ids": [sentence["sent_id"] for sentence in reference["sentences"]],
        "sentences": [
            {
                "sent_id": sentence["sent_id"],
                "raw": sentence["text"],
                "sent": sentence["text"],
                "tokens": sentence["text"].split(),
                "kind": sentence["kind"],
            }
            for sentence in reference["sentences"]
        ],
    }
