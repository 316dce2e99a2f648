"""Scenes on disk are the scenes in memory, in the layout of REFER."""

from __future__ import annotations

import importlib.util
import json
import pickle
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from mmris.datasets import (
    ReferDataset,
    ShapesRefDataset,
    decode_segmentations,
)

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE = (50, 73)
NUMBERS = {"train": 6, "val": 2, "testA": 3, "testB": 4}
IMAGES = Path("images/mscoco/images/train2014")


@pytest.fixture(scope="module")
def program():
    path = REPOSITORY / "tools" / "dataset_tools" / "write_shapes.py"
    spec = importlib.util.spec_from_file_location("write_shapes", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(out, *more):
    numbers = [word for s, n in NUMBERS.items() for word in (f"--num-{s}", str(n))]
    return [str(out), *numbers, "--image-size", "50", "73", "--seed", "3", *more]


@pytest.fixture(scope="module")
def folder(program, tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "scenes"
    program.main(arguments(out))
    return out


@cache
def in_memory(split):
    return ShapesRefDataset(
        split=split,
        num_images=NUMBERS[split],
        image_size=SIZE,
        scene_seed=3,
        test_mode=True,
    )


@pytest.mark.parametrize("split", NUMBERS)
def test_it_reads_back_to_the_same_records_and_masks(folder, split):
    written = ReferDataset(
        dataset="shapes",
        partition="unc",
        split=split,
        data_root=str(folder),
        test_mode=True,
    )
    expected = in_memory(split)
    assert written.num_images == expected.num_images
    for image in range(expected.num_images):
        read, made = written.record(image), expected.record(image)
        for name in ("image_id", "height", "width"):
            assert read[name] == made[name]
        for first, second in zip(read["references"], made["references"], strict=True):
            for name in ("ref_id", "ann_ids", "category_id", "sentences"):
                assert first[name] == second[name]
            np.testing.assert_array_equal(
                decode_segmentations(first["segmentations"], *SIZE),
                decode_segmentations(second["segmentations"], *SIZE),
            )
        picture = cv2.imread(read["img_path"]).astype(int)
        assert np.abs(picture - expected.load_image(made)).mean() < 6


def test_annotations_are_those_of_coco(folder):
    coco = COCO(str(folder / "shapes" / "instances.json"))
    assert [entry["name"] for entry in coco.loadCats(coco.getCatIds())][:2] == [
        "circle",
        "square",
    ]
    scenes = [
        in_memory(split).scene(i) for split, n in NUMBERS.items() for i in range(n)
    ]
    assert len(coco.anns) == sum(len(scene.objects) for scene in scenes)
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation)
        rows, columns = np.nonzero(mask)
        assert mask.sum() == annotation["area"]
        assert annotation["bbox"] == [
            columns.min(),
            rows.min(),
            np.ptp(columns) + 1,
            np.ptp(rows) + 1,
        ]


def test_references_have_the_published_fields(folder):
    with (folder / "shapes" / "refs(unc).p").open("rb") as file:
        content = file.read()
    assert content[:2] == b"\x80\x02"  # pickle protocol 2
    references = pickle.loads(content)
    assert {reference["split"] for reference in references} == set(NUMBERS)
    for reference in references:
        assert set(reference) == {
            "ref_id",
            "ann_id",
            "category_id",
            "image_id",
            "file_name",
            "split",
            "sent_ids",
            "sentences",
        }
        sentences = reference["sentences"]
        assert reference["sent_ids"] == [entry["sent_id"] for entry in sentences]
        for entry in sentences:
            assert set(entry) == {"sent_id", "raw", "sent", "tokens", "kind"}
            assert " ".join(entry["tokens"]) == entry["sent"] == entry["raw"]
        name = reference["file_name"].rsplit("_", 1)[0]
        assert (folder / IMAGES / f"{name}.jpg").is_file()


def test_the_recipe_is_written_down(folder):
    recipe = json.loads((folder / "shapes" / "scenes.json").read_text())
    assert recipe["num_images"] == NUMBERS
    assert recipe["scene_seed"] == 3
    assert recipe["image_size"] == list(SIZE)


def test_overwriting_removes_what_was_written_and_nothing_else(program, tmp_path):
    program.main(arguments(tmp_path / "out"))
    photograph = tmp_path / "out" / IMAGES / "COCO_train2014_000000999999.jpg"
    photograph.write_bytes(b"mine")
    fewer = ["--num-train", "1", "--num-val", "0", "--overwrite"]
    program.main([*arguments(tmp_path / "out"), *fewer])
    assert photograph.read_bytes() == b"mine"
    instances = json.loads((tmp_path / "out/shapes/instances.json").read_text())
    names = {image["file_name"] for image in instances["images"]}
    assert len(names) == 1 + NUMBERS["testA"] + NUMBERS["testB"]
    found = {path.name for path in (tmp_path / "out" / IMAGES).iterdir()}
    assert found == names | {photograph.name}


def refused(program, capsys, *words):
    with pytest.raises(SystemExit, match="2"):
        program.main(list(words))
    return capsys.readouterr().err


def test_a_folder_with_something_in_it_is_refused(program, capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    message = refused(program, capsys, *arguments(tmp_path, "--overwrite"))
    assert "was not written by this program; give another folder" in message
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_scenes_are_not_overwritten_unasked(program, capsys, folder):
    message = refused(program, capsys, *arguments(folder))
    assert "holds scenes already; give another folder, or --overwrite" in message


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--image-size", "9", "9"), "image_size is (9, 9); give (height, width)"),
        (("--kind-shares", "place"), "write KIND=SHARE, such as attribute=0.4"),
        (("--num-train", "-1"), "num_images is -1; give a number from 1"),
        (
            [word for split in NUMBERS for word in (f"--num-{split}", "0")],
            "every split has 0 scenes",
        ),
    ],
)
def test_wrong_options_are_refused_and_leave_no_folder(
    program, capsys, tmp_path, words, expected
):
    out = tmp_path / "out"
    assert expected in refused(program, capsys, *arguments(out), *words)
    assert not out.exists()


def test_a_picture_that_cannot_be_written_is_an_error(
    program, capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr(cv2, "imwrite", lambda *_: False)
    message = refused(program, capsys, *arguments(tmp_path / "out"))
    assert "check the folder and the free space" in message
