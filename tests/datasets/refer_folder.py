"""Small folders in the layout of REFER, for tests that break them."""

from __future__ import annotations

import json
import pickle

import numpy as np
from PIL import Image

IMAGES = "images/mscoco/images/train2014"
HEIGHT, WIDTH = 12, 20
# x from 3 to 8, y from 2 to 6.
SQUARE = [3, 2, 8, 2, 8, 6, 3, 6]


def picture_name(image_id):
    return f"COCO_train2014_{image_id:012d}.jpg"


def sentence(number, text="red cup"):
    return {"sent_id": number, "sent": text, "raw": text, "tokens": text.split()}


def reference(number, image, split, texts=("red cup", "left cup"), **more):
    sentences = [sentence(number * 10 + k, text) for k, text in enumerate(texts)]
    return {
        "ref_id": number,
        "image_id": image,
        "ann_id": number,
        "category_id": 3,
        "file_name": f"COCO_train2014_{image:012d}_{number}.jpg",
        "split": split,
        "sent_ids": [entry["sent_id"] for entry in sentences],
        "sentences": sentences,
        **more,
    }


def annotation(number, image, segmentation=None):
    shape = [list(SQUARE)] if segmentation is None else segmentation
    return {
        "id": number,
        "image_id": image,
        "category_id": 3,
        "segmentation": shape,
        "iscrowd": 0,
    }


def instances_of(references):
    """Pictures and annotations that references of one object each point at."""
    images = sorted({entry["image_id"] for entry in references})
    return {
        "images": [
            {
                "id": number,
                "file_name": picture_name(number),
                "height": HEIGHT,
                "width": WIDTH,
            }
            for number in images
        ],
        "annotations": [annotation(e["ann_id"], e["image_id"]) for e in references],
        "categories": [{"id": 3, "name": "cup", "supercategory": "kitchen"}],
    }


def write_refer(
    root,
    references,
    instances=None,
    *,
    dataset="cups",
    partition="unc",
    pictures=True,
    suffix=".p",
):
    """Write a dataset below a root, with noise for pictures."""
    if instances is None:
        instances = instances_of(references)
    folder = root / dataset
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instances.json").write_text(json.dumps(instances), encoding="utf-8")
    path = folder / f"refs({partition}){suffix}"
    if suffix == ".p":
        path.write_bytes(pickle.dumps(references, 2))
    else:
        path.write_text(json.dumps(references), encoding="utf-8")
    if pictures:
        (root / IMAGES).mkdir(parents=True, exist_ok=True)
        for number in {entry["image_id"] for entry in references if entry != 7}:
            write_picture(root / IMAGES / picture_name(number), seed=number)
    return folder


def write_picture(path, *, height=HEIGHT, width=WIDTH, seed=0):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
