"""Copies on the hub give what the original files give, or are refused with a reason."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmris.datasets import (
    HubRefDataset,
    LoadRefImage,
    LoadRefMasks,
    ReferDataset,
    decode_segmentations,
    hub_ref_dataset,
)
from mmris.datasets.shapes.refer_layout import write_refer_layout

IMAGES = "images/mscoco/images/train2014"
SPLITS = ("train", "val", "testA", "testB")
# How the copies of RefCOCO and RefCOCO+ call the splits.
HUB_NAMES = {"train": "train", "val": "validation", "testA": "test", "testB": "testB"}

_TEXT, _LONG, _REAL = "string", "int64", "float64"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    datasets = pytest.importorskip("datasets", reason="no datasets: mmris[hf]")
    before = datasets.config.HF_DATASETS_CACHE
    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("cache")
    datasets.disable_progress_bars()
    yield datasets
    datasets.config.HF_DATASETS_CACHE = before


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A folder in the layout of REFER, of which all copies are made."""
    root = tmp_path_factory.mktemp("refer")
    write_refer_layout(
        root,
        num_images=dict(zip(SPLITS, (3, 2, 2, 1))),
        options={"image_size": (40, 56), "expressions_per_scene": 4},
        overwrite=False,
    )
    return root


@pytest.fixture(scope="module")
def content(original):
    instances = json.loads((original / "shapes" / "instances.json").read_text())
    references = pickle.loads((original / "shapes" / "refs(unc).p").read_bytes())
    images = {entry["id"]: entry for entry in instances["images"]}
    annotations = {entry["id"]: entry for entry in instances["annotations"]}
    return references, images, annotations


def sentence_type():
    return {"raw": _TEXT, "sent": _TEXT, "sent_id": _LONG, "tokens": [_TEXT]}


def features(library, columns):
    def convert(value):
        if isinstance(value, str):
            return library.Image() if value == "image" else library.Value(value)
        if isinstance(value, list):
            return [convert(value[0])]
        return {name: convert(entry) for name, entry in value.items()}

    return library.Features(convert(columns))


def sentences_of(reference):
    return [{key: s[key] for key in sentence_type()} for s in reference["sentences"]]


def reference_rows(content, split):
    """Rows in the columns of jxu124/refcoco."""
    references, images, annotations = content
    rows = []
    for entry in (r for r in references if r["split"] == split):
        image = images[entry["image_id"]]
        x, y, width, height = annotations[entry["ann_id"]].get("bbox", [0, 0, 1, 1])
        rows.append(
            {
                "sent_ids": [s["sent_id"] for s in entry["sentences"]],
                "file_name": f"{entry['file_name']}_{entry['ann_id']}.jpg",
                "ann_id": entry["ann_id"],
                "ref_id": entry["ref_id"],
                "image_id": entry["image_id"],
                "split": split,
                "sentences": sentences_of(entry),
                "category_id": entry["category_id"],
                "raw_anns": json.dumps(annotations[entry["ann_id"]]),
                "raw_image_info": json.dumps(image),
                "raw_sentences": json.dumps(entry["sentences"]),
                "image_path": f"coco/train2014/{image['file_name']}",
                "bbox": [x, y, x + width, y + height],
                "captions": [s["raw"] for s in entry["sentences"]],
                "global_image_id": f"coco.{entry['image_id']}",
                "anns_id": str(entry["ann_id"]),
            }
        )
    return rows


REFERENCE_COLUMNS = {
    "sent_ids": [_LONG],
    "file_name": _TEXT,
    "ann_id": _LONG,
    "ref_id": _LONG,
    "image_id": _LONG,
    "split": _TEXT,
    "sentences": [sentence_type()],
    "category_id": _LONG,
    "raw_anns": _TEXT,
    "raw_image_info": _TEXT,
    "raw_sentences": _TEXT,
    "image_path": _TEXT,
    "bbox": [_REAL],
    "captions": [_TEXT],
    "global_image_id": _TEXT,
    "anns_id": _TEXT,
}
IMAGE_COLUMNS = {
    "ref_list": [
        {
            "ann_info": {
                "area": _REAL,
                "bbox": [_REAL],
                "category_id": _LONG,
                "id": _LONG,
                "image_id": _LONG,
                "iscrowd": _LONG,
                "segmentation": [[_REAL]],
            },
            "ref_info": {
                "ann_id": _LONG,
                "category_id": _LONG,
                "file_name": _TEXT,
                "image_id": _LONG,
                "ref_id": _LONG,
                "sent_ids": [_LONG],
                "sentences": [sentence_type()],
                "split": _TEXT,
            },
        }
    ],
    "image_info": {
        "coco_url": _TEXT,
        "date_captured": _TEXT,
        "file_name": _TEXT,
        "flickr_url": _TEXT,
        "height": _LONG,
        "id": _LONG,
        "license": _LONG,
        "width": _LONG,
    },
    "image": "image",
}
SAMPLE_COLUMNS = {
    "image": "image",
    "image_id": _LONG,
    "file_name": _TEXT,
    "samples": [
        {
            "id": _TEXT,
            "category": _TEXT,
            "supercategory": _TEXT,
            "label": _TEXT,
            "sentences": [_TEXT],
            "bbox": [_REAL],
            "mask": {"counts": _TEXT, "size": [_LONG]},
        }
    ],
}


def image_rows(content, split, folder):
    """Rows in the columns of jxu124/refcoco-benchmark."""
    references, images, annotations = content
    rows = {}
    for entry in (r for r in references if r["split"] == split):
        image = images[entry["image_id"]]
        annotation = annotations[entry["ann_id"]]
        row = rows.setdefault(
            image["id"],
            {
                "ref_list": [],
                "image_info": {
                    "coco_url": "",
                    "date_captured": "",
                    "flickr_url": "",
                    "license": 1,
                    **{k: image[k] for k in ("file_name", "height", "width", "id")},
                },
                "image": str(folder / IMAGES / image["file_name"]),
            },
        )
        row["ref_list"].append(
            {
                "ann_info": {
                    **{k: annotation[k] for k in ("category_id", "id", "image_id")},
                    "area": 1.0,
                    "bbox": [0.0] * 4,
                    "iscrowd": 0,
                    "segmentation": annotation["segmentation"],
                },
                "ref_info": {
                    **{k: entry[k] for k in ("ann_id", "category_id", "image_id")},
                    "file_name": "names_no_picture_1.jpg",
                    "ref_id": entry["ref_id"],
                    "sent_ids": [s["sent_id"] for s in entry["sentences"]],
                    "sentences": sentences_of(entry),
                    "split": split,
                },
            }
        )
    return list(rows.values())


def sample_rows(content, split, folder):
    """Rows in the columns of moondream/refcoco-m."""
    rows = []
    for row in image_rows(content, split, folder):
        image = row["image_info"]
        size = image["height"], image["width"]
        samples = []
        for entry in row["ref_list"]:
            mask = decode_segmentations([entry["ann_info"]["segmentation"]], *size)
            code = coco_mask.encode(np.asfortranarray(mask))
            counts = code["counts"].decode("ascii")
            samples.append(
                {
                    "id": f"s{entry['ref_info']['ref_id']}",
                    "category": f"c{entry['ref_info']['category_id']}",
                    "supercategory": "shape",
                    "label": "a shape",
                    "sentences": [s["sent"] for s in entry["ref_info"]["sentences"]],
                    "bbox": [0.0] * 4,
                    "mask": {"counts": counts, "size": list(size)},
                }
            )
        more = {"image_id": image["id"], "file_name": image["file_name"]}
        rows.append({"image": row["image"], "samples": samples, **more})
    return rows


def write(library, folder, columns, splits):
    """The files of a copy: one Parquet file a split, as the hub has them."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for name, rows in splits.items():
        table = library.Dataset.from_list(rows, features=features(library, columns))
        table.to_parquet(str(folder / "data" / f"{name}-00000-of-00001.parquet"))
    return folder


@pytest.fixture(scope="module")
def copies(library, original, content, tmp_path_factory):
    root = tmp_path_factory.mktemp("copies")
    references = {hub: reference_rows(content, s) for s, hub in HUB_NAMES.items()}
    pictures = {
        f"refcoco_unc_{split}": image_rows(content, split, original)
        for split in SPLITS[1:]
    }
    samples = {"validation": sample_rows(content, "val", original)}
    return {
        "references": write(
            library, root / "references", REFERENCE_COLUMNS, references
        ),
        "pictures": write(library, root / "pictures", IMAGE_COLUMNS, pictures),
        "samples": write(library, root / "samples", SAMPLE_COLUMNS, samples),
    }


def plain(dataset, *, numbers=True):
    """What scores depend on, by picture."""
    found = {}
    for index in range(dataset.num_images):
        record = dataset.record(index)
        size = record["height"], record["width"]
        found[record["image_id"]] = [
            (
                entry["ref_id"] if numbers else None,
                entry["category_id"] if numbers else None,
                [(s["sent_id"], s["text"]) for s in entry["sentences"]]
                if numbers
                else [s["text"] for s in entry["sentences"]],
                decode_segmentations(entry["segmentations"], *size).tolist(),
            )
            for entry in record["references"]
        ]
    return found


def refer(original, split, **options):
    return ReferDataset(
        dataset="shapes",
        partition="unc",
        split=split,
        data_root=str(original),
        **options,
    )


@pytest.mark.parametrize("text_field", ["sent", "raw"])
@pytest.mark.parametrize("split", SPLITS)
def test_references_are_those_of_the_original(copies, original, split, text_field):
    dataset = HubRefDataset(
        path=str(copies["references"]),
        split=split,
        data_root=str(original),
        text_field=text_field,
        pipeline=[LoadRefImage(), LoadRefMasks()],
        test_mode=True,
    )
    assert plain(dataset) == plain(refer(original, split, text_field=text_field))
    assert dataset[0]["gt_masks"].any()
    assert dataset.image_ids() == refer(original, split).image_ids()


@pytest.mark.parametrize("split", SPLITS[1:])
def test_pictures_of_a_copy_are_those_of_the_original(copies, original, split):
    options = {"test_mode": True, "pipeline": [LoadRefImage(), LoadRefMasks()]}
    dataset = HubRefDataset(
        path=str(copies["pictures"]), split=f"refcoco_unc_{split}", **options
    )
    expected = refer(original, split, **options)
    assert plain(dataset) == plain(expected)
    assert dataset.image_ids() == expected.image_ids()
    for item, other in zip(dataset, expected, strict=True):
        np.testing.assert_array_equal(item["img"], other["img"])
        np.testing.assert_array_equal(item["gt_masks"], other["gt_masks"])


def test_samples_with_redrawn_masks(copies, original):
    dataset = HubRefDataset(path=str(copies["samples"]), split="val", test_mode=True)
    expected = refer(original, "val", test_mode=True)
    assert plain(dataset, numbers=False) == plain(expected, numbers=False)
    items = [dataset.record(i)["references"] for i in range(dataset.num_images)]
    references = [entry for group in items for entry in group]
    assert [entry["ref_id"] for entry in references] == list(range(len(references)))
    assert {entry["category_id"] for entry in references} <= {1, 2, 3, 4, 5, 6, 7, 8}
    ids = [s["sent_id"] for entry in references for s in entry["sentences"]]
    assert ids == list(range(len(ids)))


def test_a_copy_saved_on_disk(library, copies, original, tmp_path):
    whole = library.load_dataset(str(copies["references"]))
    whole.save_to_disk(str(tmp_path / "saved"))
    whole["testB"].save_to_disk(str(tmp_path / "one"))
    for path in (tmp_path / "saved", tmp_path / "one"):
        dataset = HubRefDataset(path=str(path), split="testB", data_root=str(original))
        assert plain(dataset) == plain(refer(original, "testB"))


def test_testa_under_the_name_of_test_is_refused(copies, original):
    message = "row 0 is of split 'testA', not 'test'.*Set 'split' .* to 'testA'"
    with pytest.raises(ValueError, match=message):
        HubRefDataset(
            path=str(copies["references"]), split="test", data_root=str(original)
        )


def test_an_unknown_split_lists_the_known_ones(copies):
    known = r"\['test', 'testB', 'train', 'validation'\]"
    with pytest.raises(ValueError, match=f"no split 'testC'; it has {known}"):
        HubRefDataset(path=str(copies["references"]), split="testC")


def test_the_folder_of_pictures_is_asked_for(copies, tmp_path):
    with pytest.raises(FileNotFoundError, match="has no pictures. Set 'image_dir'"):
        HubRefDataset(
            path=str(copies["references"]), split="val", data_root=str(tmp_path)
        )


FLAT_COLUMNS = {
    "question_id": _TEXT,
    "image": "image",
    "question": _TEXT,
    "answer": [_TEXT],
    "segmentation": ["float32"],
    "bbox": ["float32"],
    "iscrowd": "int8",
    "file_name": _TEXT,
}


def test_copies_with_flat_masks_are_refused(library, content, original, tmp_path):
    _, images, _ = content
    name = next(iter(images.values()))["file_name"]
    row = {
        "question_id": "1",
        "image": str(original / IMAGES / name),
        "question": "what is it",
        "answer": ["left box"],
        "segmentation": [1.0, 1.0, 5.0, 1.0, 5.0, 5.0],
        "bbox": [1.0, 1.0, 4.0, 4.0],
        "iscrowd": 0,
        "file_name": name,
    }
    folder = write(library, tmp_path, FLAT_COLUMNS, {"val": [row], "testA": [row]})
    message = "flat list of coordinates.*'val' mixes.*'test' is of partition google"
    with pytest.raises(ValueError, match=f"split 'testA' is refused: .*{message}"):
        HubRefDataset(path=str(folder), split="testA")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"caption": _TEXT, "bbox": [_REAL]}, "has boxes and no masks"),
        ({"text": _TEXT}, r"has the columns \['text'\]; known are copies with"),
    ],
)
def test_copies_of_other_kinds_are_refused(library, tmp_path, columns, message):
    values = {_TEXT: "a"}
    row = {k: values.get(v, [1.0]) if v == _TEXT else [1.0] for k, v in columns.items()}
    folder = write(library, tmp_path, columns, {"train": [row]})
    with pytest.raises(ValueError, match=message):
        HubRefDataset(path=str(folder), split="train")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("raw_anns", "{", "'raw_anns' is no JSON"),
        ("raw_anns", "[1]", r"'raw_anns' is \[1\]; expected a dictionary"),
        ("raw_image_info", "{}", "row 1 has no field 'height'"),
        ("ann_id", 7, "'ann_id' is 7, but that of its annotation is"),
        ("image_id", 7, "'image_id' is 7, but that of its annotation is"),
        ("sentences", None, "row 1: 'sentences' is None; expected list"),
        ("segmentation", [1, 2, 3, 4, 5, 6], "'segmentation' is .1, 2, .*polygons"),
        ("segmentation", [], r"'segmentation' is \[\]; expected polygons"),
    ],
)
def test_a_malformed_row_is_named(
    library, content, original, tmp_path, column, value, message
):
    rows = reference_rows(content, "val")
    if column == "segmentation":
        annotation = {**json.loads(rows[1]["raw_anns"]), "segmentation": value}
        column, value = "raw_anns", json.dumps(annotation)
    rows[1][column] = value
    folder = write(library, tmp_path, REFERENCE_COLUMNS, {"validation": rows})
    with pytest.raises(ValueError, match=message) as caught:
        HubRefDataset(path=str(folder), split="val", data_root=str(original))
    assert str(folder) in str(caught.value)
    assert "row 1" in str(caught.value)


def test_a_copy_that_is_not_there_is_one_line(library, tmp_path, monkeypatch):
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="cannot be loaded as a dataset") as caught:
        HubRefDataset(path=str(tmp_path / "nowhere"), split="val")
    assert "\n" not in str(caught.value)


def test_without_the_package_the_extra_is_named(monkeypatch):
    def import_module(name):
        raise ImportError(name)

    monkeypatch.setattr(hub_ref_dataset, "import_module", import_module)
    with pytest.raises(ImportError, match=r"pip install 'mmris\[hf\]'"):
        HubRefDataset(path="jxu124/refcoco", split="val")


def test_an_unknown_text_field_is_refused():
    with pytest.raises(ValueError, match="text_field is 'text'; choose one of"):
        HubRefDataset(path="jxu124/refcoco", split="val", text_field="text")
