"""Whatever stands in a file, readers say one line or give masks of the right size."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.io import savemat

from mmris.datasets import LoadRefMasks, PhraseCutDataset, ReferItDataset
from mmris.datasets.conversion import (
    LeftOut,
    read_coco_entries,
    read_labelme_entries,
    write_entry_file,
)
from mmris.datasets.hub_rows import (
    read_image_rows,
    read_reference_rows,
    read_sample_rows,
)
from tests.datasets.own_data import write_picture
from tests.datasets.wrong_values import cut, damage

HEIGHT, WIDTH = 9, 14
BOX = [3, 2, 8, 2, 8, 6, 3, 6]
LONGEST = 700
NUMBER = 40

POINTS = [[3, 2], [8, 2], [8, 6]]
PHRASES = [
    {
        "task_id": f"8__{number}",
        "image_id": 8,
        "ann_ids": [number],
        "instance_boxes": [[1, 1, 2, 2]],
        "Polygons": [[POINTS]],
        "phrase": "red car",
        "phrase_structure": {"name": "car", "type": "name"},
    }
    for number in range(2)
]
PICTURES = [{"image_id": 8, "coco_id": 9, "height": HEIGHT, "width": WIDTH}]
QUERIES = {"8_1": ["sky", "blue"], "8_2": ["grass"]}
INSTANCES = {
    "images": [{"id": 8, "file_name": "8.jpg", "height": HEIGHT, "width": WIDTH}],
    "annotations": [
        {
            "id": number,
            "image_id": 8,
            "category_id": 1,
            "segmentation": [BOX],
            "caption": "the box",
        }
        for number in (1, 2)
    ],
    "categories": [{"id": 1, "name": "box"}],
}
DRAWING = {
    "shapes": [
        {
            "label": "box",
            "points": POINTS,
            "shape_type": "polygon",
            "description": "the box",
            "group_id": None,
        },
        {"label": "tin", "points": [[1, 1], [4, 4]], "shape_type": "rectangle"},
    ],
    "imagePath": "8.jpg",
    "imageHeight": HEIGHT,
    "imageWidth": WIDTH,
}
SENTENCES = [{"sent_id": 3, "sent": "box", "raw": "Box", "tokens": ["box"]}]
NUMBERS = {"ref_id": 5, "ann_id": 1, "image_id": 8, "category_id": 1}
ROWS = [
    {
        **NUMBERS,
        "split": "val",
        "sentences": SENTENCES,
        "raw_anns": json.dumps(INSTANCES["annotations"][0]),
        "raw_image_info": json.dumps(INSTANCES["images"][0]),
    }
]
PICTURE_ROWS = [
    {
        "image_info": INSTANCES["images"][0],
        "ref_list": [
            {
                "ann_info": INSTANCES["annotations"][0],
                "ref_info": {**NUMBERS, "sentences": SENTENCES, "split": "val"},
            }
        ],
    }
]
RUNS = {"counts": [20, 5, HEIGHT * WIDTH - 25], "size": [HEIGHT, WIDTH]}
SAMPLE_ROWS = [
    {
        "image_id": 8,
        "file_name": "8.jpg",
        "samples": [{"category": "box", "sentences": ["the box"], "mask": RUNS}],
    }
]


def decode(records):
    """All masks of records, as an item of testing has them."""
    for record in records:
        item = {
            "image_id": record["image_id"],
            "img_path": "8.jpg",
            "height": record["height"],
            "width": record["width"],
            "ref_ids": [entry["ref_id"] for entry in record["references"]],
            "ann_ids": [entry["ann_ids"] for entry in record["references"]],
            "segmentations": [e["segmentations"] for e in record["references"]],
            "mask_index": np.arange(len(record["references"])),
        }
        masks = LoadRefMasks()(item)["gt_masks"]
        assert masks.shape[1:] == (record["height"], record["width"])
        assert set(np.unique(masks)) <= {0, 1}


def of_dataset(dataset):
    decode([dataset.record(index) for index in range(dataset.num_images)])
    assert all(isinstance(text, str) and text.strip() for text in dataset.sentences())
    assert dataset.image_ids()


def phrasecut(folder, text):
    (folder / "refer_val.json").write_text(text)
    of_dataset(PhraseCutDataset(split="val", data_root=str(folder)))


def phrasecut_pictures(folder, text):
    (folder / "refer_val.json").write_text(json.dumps(PHRASES))
    (folder / "image_data_split3000.json").write_text(text)
    of_dataset(PhraseCutDataset(split="val", data_root=str(folder)))


def referit(folder, text):
    (folder / "referit_query_val.json").write_text(text)
    options = {"image_dir": "images", "mask_dir": "masks", "data_root": str(folder)}
    of_dataset(ReferItDataset(split="val", **options))


def coco(folder, text):
    (folder / "instances.json").write_text(text)
    entries = read_coco_entries(
        folder / "instances.json",
        text="annotation",
        text_key="caption",
        left_out=LeftOut(),
    )
    keep(folder, entries, folder / "images")


def labelme(folder, text):
    path = folder / "images" / "8.json"
    path.write_text(text)
    entries = read_labelme_entries([path], sentences="description", left_out=LeftOut())
    keep(folder, entries, folder)


def keep(folder, entries, images):
    options = {"split": None, "overwrite": True}
    write_entry_file(entries, folder / "own.jsonl", image_dir=images, **options)


def reference_rows(folder, text):
    options = {"split": "val", "text_field": "sent", "where": "copy"}
    decode(read_reference_rows(json.loads(text), **options))


def image_rows(folder, text):
    decode(read_image_rows(json.loads(text), text_field="sent", where="copy"))


def sample_rows(folder, text):
    decode(read_sample_rows(json.loads(text), where="copy"))


# Rows come from Arrow: their text is never cut, and they are always dictionaries.
CASES = {
    "phrasecut": (phrasecut, PHRASES, True),
    "phrasecut_pictures": (phrasecut_pictures, PICTURES, True),
    "referit": (referit, QUERIES, True),
    "coco": (coco, INSTANCES, True),
    "labelme": (labelme, DRAWING, True),
    "reference_rows": (reference_rows, ROWS, False),
    "image_rows": (image_rows, PICTURE_ROWS, False),
    "sample_rows": (sample_rows, SAMPLE_ROWS, False),
}


@pytest.fixture
def folder(tmp_path):
    write_picture(tmp_path / "images" / "8.jpg", height=HEIGHT, width=WIDTH)
    (tmp_path / "masks").mkdir()
    for number in (1, 2):
        mask = np.ones((HEIGHT, WIDTH))
        mask[number:5, 3:6] = 0
        savemat(tmp_path / "masks" / f"8_{number}.mat", {"segimg_t": mask})
    text = json.dumps(PICTURES)
    (tmp_path / "image_data_split3000.json").write_text(text)
    return tmp_path


def run(case, folder, number):
    read, content, may_be_cut = CASES[case]
    read(folder, json.dumps(content))
    refused = []
    for seed in range(number):
        random = np.random.default_rng(seed)
        if may_be_cut and seed % 4 == 0:
            text = cut(json.dumps(content), random)
        else:
            text = json.dumps(damage(content, random))
        try:
            read(folder, text)
        except (ValueError, FileNotFoundError) as error:
            refused.append((seed, str(error)))
    return refused


@pytest.mark.parametrize("case", CASES)
def test_damage_is_said_in_one_line(case, folder):
    refused = run(case, folder, NUMBER)
    assert len(refused) > 0.4 * NUMBER
    for seed, message in refused:
        assert "\n" not in message, (seed, message)
        assert len(message) < LONGEST, (seed, message)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_much_damage_is_said_in_one_line(case, folder):
    assert len(run(case, folder, 2000)) > 800
