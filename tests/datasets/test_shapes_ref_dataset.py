"""Generated scenes: the same everywhere, told truly, with the mix asked for."""

from __future__ import annotations

import colorsys
import hashlib
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from pycocotools import mask as coco_mask

from mmris.datasets import ShapesRefDataset, mirror_words, shapes_ref_dataset
from mmris.datasets.index_files import IndexSource
from mmris.datasets.record_index import RecordIndex
from mmris.datasets.shapes import COLORS, HELD_OUT_PAIRS, KINDS, SHAPES, WORDS
from mmris.registry import DATASETS
from tests.references.shapes_sentences import visible_objects, which_objects

SPLITS = ("train", "val", "testA", "testB")
REPOSITORY = Path(__file__).resolve().parents[2]


@cache
def scenes(split, num_images=300, image_size=(96, 96), **options):
    return ShapesRefDataset(
        split=split,
        num_images=num_images,
        image_size=image_size,
        test_mode=True,
        **options,
    )


@pytest.fixture
def indices(monkeypatch, tmp_path):
    """Few scenes count as many; gives the indices that were kept."""
    monkeypatch.setattr(shapes_ref_dataset, "_MANY", 5)
    monkeypatch.setenv("MMRIS_INDEX_DIR", str(tmp_path / "indices"))
    return lambda: sorted((tmp_path / "indices").rglob("*.index"))


def small(split="train", num_images=6, **options):
    return ShapesRefDataset(split=split, num_images=num_images, **options)


def contents(dataset):
    """Of all items, as text."""
    return repr([dataset.get_data_info(index) for index in range(len(dataset))])


def test_many_scenes_are_made_once(indices, monkeypatch):
    monkeypatch.setattr(shapes_ref_dataset, "_MANY", 7)
    expected = contents(small())
    assert indices() == []
    monkeypatch.setattr(shapes_ref_dataset, "_MANY", 5)
    assert contents(small()) == expected
    (kept,) = indices()
    monkeypatch.setattr(ShapesRefDataset, "_make_record", None)  # nothing is made
    again = small()
    assert contents(again) == expected
    assert len(again.record(0)["references"][0]["segmentations"]) == 1
    assert small(indices=[4]).record(0)["image_id"] == again.record(4)["image_id"]
    assert indices() == [kept]


OTHERS = [
    {"split": "val"},
    {"num_images": 7},
    {"image_size": (96, 97)},
    {"kind_shares": {"place": 1.0}},
    {"expressions_per_scene": 5},
    {"num_objects": (3, 6)},
    {"scene_seed": 1},
]


@pytest.mark.parametrize("options", OTHERS, ids=lambda options: next(iter(options)))
def test_other_scenes_are_made_anew(indices, options):
    first, other = small(), small(**options)
    assert len(indices()) == 2
    assert contents(first) != contents(other)


def test_scenes_of_another_program_are_made_anew(indices, monkeypatch):
    expected = contents(small())
    (kept,) = indices()
    sources = small().index_source().files
    assert {path.name for path in sources} >= {"shapes_ref_dataset.py", "layout.py"}
    assert all(path.is_file() for path in sources)
    monkeypatch.setattr(IndexSource, "key", lambda self: b"k" * 32)  # changed files
    assert contents(small()) == expected
    assert indices() == [kept]
    assert RecordIndex.open(kept).key == b"k" * 32
    monkeypatch.setattr(np, "__version__", "9.9")
    small()
    assert len(indices()) == 2


def test_scenes_of_a_subclass_are_not_kept(indices):
    class Others(ShapesRefDataset):
        pass

    Others(split="train", num_images=6)
    assert indices() == []


def sentences_of(record):
    return [
        (reference, sentence)
        for reference in record["references"]
        for sentence in reference["sentences"]
    ]


def decode(reference):
    (code,) = reference["segmentations"]
    return coco_mask.decode(code).astype(bool)


def digest(dataset):
    text = hashlib.sha256()
    for image in range(dataset.num_images):
        record = dataset.record(image)
        text.update(repr(record).encode())
        text.update(dataset.load_image(record).tobytes())
    return text.hexdigest()


def test_the_registry_builds_it():
    dataset = DATASETS.build(
        {"type": "ShapesRefDataset", "split": "val", "num_images": 1}
    )
    assert isinstance(dataset, ShapesRefDataset)


def test_the_config_names_one_split_for_each_loader():
    config = Config.fromfile(REPOSITORY / "configs/_base_/datasets/shapes.py")
    for loader, split in (("train", "train"), ("val", "val"), ("test", "testA")):
        options = config[f"{loader}_dataloader"].dataset
        assert (options.split, options.image_size) == (split, (96, 96))
        assert options.get("test_mode", False) == (loader != "train")
        assert options.num_images == (8000 if loader == "train" else 200)
        dataset = DATASETS.build({**options, "num_images": 2})
        assert isinstance(dataset[0]["img"], np.ndarray)


def test_scenes_are_the_same_in_another_process():
    program = (
        "from tests.datasets.test_shapes_ref_dataset import digest, scenes\n"
        "import random, numpy; random.seed(5); numpy.random.seed(6)\n"
        "print(digest(scenes('train', 12)), digest(scenes('testB', 12)))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(REPOSITORY)}
    output = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    here = [digest(scenes("train", 12)), digest(scenes("testB", 12))]
    assert output[-2:] == here


def test_scenes_do_not_depend_on_their_number_or_on_indices():
    few, many = scenes("train", 5), scenes("train", 300)
    chosen = ShapesRefDataset(
        split="train", num_images=300, test_mode=True, indices=[4, 200]
    )
    for image in range(5):
        assert few.record(image) == many.record(image)
    np.testing.assert_array_equal(chosen[0]["img"], many[4]["img"])
    np.testing.assert_array_equal(chosen[1]["img"], many[200]["img"])
    assert chosen[1]["expressions"] == many[200]["expressions"]


def test_seeds_and_splits_give_other_scenes():
    digests = {digest(scenes(split, 3)) for split in SPLITS}
    digests.add(digest(scenes("train", 3, scene_seed=1)))
    assert len(digests) == 5


@pytest.mark.parametrize("split", SPLITS)
def test_each_sentence_is_true_of_exactly_its_object(split):
    dataset = scenes(split)
    for image in range(dataset.num_images):
        objects = visible_objects(dataset.scene(image))
        for reference, sentence in sentences_of(dataset.record(image)):
            true, doubtful = which_objects(sentence["text"], objects, (96, 96))
            assert not doubtful, (image, sentence)
            assert len(true) == 1, (image, sentence)
            np.testing.assert_array_equal(objects[true[0]].mask, decode(reference))


@pytest.mark.parametrize("image_size", [(64, 160), (161, 75), (49, 48)])
def test_sentences_are_true_in_pictures_of_any_size(image_size):
    dataset = scenes("val", 60, image_size)
    for image in range(dataset.num_images):
        assert dataset[image]["img"].shape == (*image_size, 3)
        objects = visible_objects(dataset.scene(image))
        for reference, sentence in sentences_of(dataset.record(image)):
            true, doubtful = which_objects(sentence["text"], objects, image_size)
            assert (len(true), doubtful) == (1, []), (image, sentence)
            np.testing.assert_array_equal(objects[true[0]].mask, decode(reference))


def test_left_is_left_and_top_is_top_in_a_wide_picture():
    dataset = scenes("train", 200, (64, 160))
    seen = Counter()
    for image in range(dataset.num_images):
        for reference, sentence in sentences_of(dataset.record(image)):
            rows, columns = np.nonzero(decode(reference))
            words = set(sentence["text"].split())
            if sentence["kind"] == "place":
                seen.update(words)
                assert "left" not in words or columns.mean() < 0.4 * 160
                assert "right" not in words or columns.mean() > 0.6 * 160
                assert "top" not in words or rows.mean() < 0.4 * 64
                assert "bottom" not in words or rows.mean() > 0.6 * 64
    assert min(seen[word] for word in ("left", "right", "top", "bottom")) > 10


@pytest.mark.parametrize("split", SPLITS)
def test_kinds_come_in_the_shares_asked_for(split):
    kinds = Counter(
        sentence["kind"]
        for image in range(300)
        for _, sentence in sentences_of(scenes(split).record(image))
    )
    assert kinds.total() == 300 * 6
    wanted = dict(zip(KINDS, (0.4, 0.2, 0.2, 0.2), strict=True))
    for kind, share in wanted.items():
        assert kinds[kind] / kinds.total() == pytest.approx(share, abs=0.03)


def test_kind_shares_are_a_setting():
    dataset = scenes_with_shares({"relation": 0.75, "place": 0.25})
    kinds = Counter(
        sentence["kind"]
        for image in range(dataset.num_images)
        for _, sentence in sentences_of(dataset.record(image))
    )
    assert set(kinds) == {"relation", "place"}
    assert kinds["relation"] / kinds.total() == pytest.approx(0.75, abs=0.05)


def scenes_with_shares(shares, **options):
    return ShapesRefDataset(
        split="train", num_images=60, kind_shares=shares, test_mode=True, **options
    )


def test_a_scene_keeps_fewer_sentences_where_no_scene_offers_all():
    dataset = ShapesRefDataset(
        split="testB",
        num_images=1,
        num_objects=(2, 2),
        expressions_per_scene=32,
        kind_shares={"attribute": 1.0},
        test_mode=True,
    )
    assert 1 <= len(sentences_of(dataset.record(0))) < 32


def test_held_out_pairs_are_shown_in_test_b_alone():
    held_out = set(HELD_OUT_PAIRS)
    for split in ("train", "val", "testA"):
        for image in range(300):
            pairs = {(o.color, o.shape) for o in scenes(split).scene(image).objects}
            assert not pairs & held_out
    shown = set()
    for image in range(300):
        objects = visible_objects(scenes("testB").scene(image))
        assert any((entry.color, entry.shape) in held_out for entry in objects)
        for _, sentence in sentences_of(scenes("testB").record(image)):
            if sentence["kind"] == "attribute":
                (target,), _ = which_objects(sentence["text"], objects, (96, 96))
                pair = objects[target].color, objects[target].shape
                assert set(pair) <= set(sentence["text"].split())
                shown.add(pair)
    assert shown == held_out


def test_every_word_is_on_the_list_and_occurs_in_training():
    words = {
        split: {w for text in scenes(split).sentences() for w in text.split()}
        for split in SPLITS
    }
    assert words["train"] == WORDS
    assert words["testB"] <= words["train"]
    assert 40 <= len(WORDS) <= 80


def test_sentences_are_said_in_several_ways():
    texts = list(scenes("train").sentences())
    for first, second in (
        ("on the left", "left "),
        ("largest", "biggest"),
        ("above", "higher than"),
        ("striped", "with stripes"),
        ("small", "little"),
        ("the ", ""),
    ):
        assert any(first in text for text in texts)
        assert any(second in text and first not in text for text in texts)


def test_distractors_and_overlaps_are_common():
    shared = alike = overlapping = 0
    for image in range(300):
        scene = scenes("train").scene(image)
        assert 3 <= len(scene.objects) <= 7
        colors = Counter(entry.color for entry in scene.objects)
        shapes = Counter(entry.shape for entry in scene.objects)
        pairs = Counter((entry.color, entry.shape) for entry in scene.objects)
        shared += max(colors.values()) > 1 or max(shapes.values()) > 1
        alike += max(pairs.values()) > 1
        overlapping += has_touching_objects(scene.owners)
    assert shared >= 0.8 * 300
    assert alike >= 0.25 * 300
    assert overlapping >= 0.4 * 300


def has_touching_objects(owners):
    pairs = (owners[1:], owners[:-1]), (owners[:, 1:], owners[:, :-1])
    return any(((a != b) & (a > 0) & (b > 0)).any() for a, b in pairs)


def test_the_place_decides_in_most_sentences_of_place():
    needed = total = 0
    for image in range(300):
        objects = visible_objects(scenes("train").scene(image))
        for _, sentence in sentences_of(scenes("train").record(image)):
            if sentence["kind"] == "place":
                words = set(sentence["text"].split())
                nouns = words & {*COLORS, *SHAPES}
                alike = [o for o in objects if nouns <= {o.color, o.shape}]
                needed += len(alike) > 1
                total += 1
    assert needed > 0.65 * total


def test_a_mirrored_sentence_is_true_of_the_mirrored_object():
    dataset = scenes("val")
    changed = 0
    for image in range(300):
        objects = visible_objects(dataset.scene(image))
        mirrored = [replace(entry, mask=entry.mask[:, ::-1]) for entry in objects]
        for _, sentence in sentences_of(dataset.record(image)):
            text = mirror_words(sentence["text"])
            before = which_objects(sentence["text"], objects, (96, 96))
            assert which_objects(text, mirrored, (96, 96)) == before
            assert set(text.split()) <= WORDS
            changed += text != sentence["text"]
    assert changed > 300


def test_masks_are_what_is_seen_of_the_object():
    dataset = scenes("train")
    for image in range(300):
        record, scene = dataset.record(image), dataset.scene(image)
        union = np.zeros((96, 96), dtype=int)
        for reference in record["references"]:
            mask = decode(reference)
            union += mask
            entry = scene.objects[reference["ref_id"] - record["image_id"] * 16]
            rows, columns = np.nonzero(mask)
            assert mask.sum() == entry.area >= 40
            assert (columns.mean(), rows.mean()) == pytest.approx(entry.center)
            left, top, width, height = entry.box
            assert (columns.min(), rows.min()) == (left, top)
            assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (width, height)
            assert max(width, height) <= 46
        assert union.max() == 1


def test_colours_in_the_mask_are_the_named_ones():
    hues = {name: colorsys.rgb_to_hsv(*color)[0] for name, color in COLORS.items()}
    dataset = scenes("train")
    for image in range(100):
        scene, picture = dataset.scene(image), dataset[image]["img"]
        for index, entry in enumerate(scene.objects):
            blue, green, red = picture[scene.mask(index)].mean(axis=0) / 255
            hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
            gaps = {name: abs((hue - h + 0.5) % 1 - 0.5) for name, h in hues.items()}
            assert min(gaps, key=gaps.get) == entry.color
            assert saturation > 0.4


def test_shapes_stand_out_from_the_background():
    dataset = scenes("val")
    for image in range(100):
        scene, picture = dataset.scene(image), dataset[image]["img"].astype(int)
        background = picture[scene.owners == 0]
        assert np.median(np.ptp(background, axis=1)) < 50
        assert background.std() > 1


def test_ids_are_unique_over_all_splits():
    images, references, sentences = [], [], []
    for split in SPLITS:
        for image in range(300):
            record = scenes(split).record(image)
            images.append(record["image_id"])
            references += [reference["ref_id"] for reference in record["references"]]
            sentences += [s["sent_id"] for _, s in sentences_of(record)]
            assert len(record["references"]) >= 2
            texts = [s["text"] for _, s in sentences_of(record)]
            assert len(set(texts)) == len(texts)
    for numbers in (images, references, sentences):
        assert len(set(numbers)) == len(numbers)
        assert max(numbers) < 2**31


def test_an_item_has_what_the_pipeline_needs():
    dataset = ShapesRefDataset(
        split="train",
        num_images=2,
        image_size=(50, 70),
        sampling="image",
        expressions_per_image=3,
    )
    item = dataset[1]
    assert item["img"].dtype == np.uint8
    assert item["img"].shape == (item["height"], item["width"], 3) == (50, 70, 3)
    assert len(item["expressions"]) == len(item["kinds"]) == 3
    assert item["mask_index"].max() == len(item["segmentations"]) - 1


def test_a_record_of_other_scenes_is_refused(monkeypatch):
    dataset = scenes("train", 5)
    monkeypatch.setattr("mmris.datasets.shapes_ref_dataset.draw_scene", lambda *_: None)
    with pytest.raises(RuntimeError, match="Take records from the dataset that made"):
        dataset.load_image(dataset.record(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, r"split is 'test'; choose one of"),
        ({"num_images": 0}, r"num_images is 0; give a number from 1"),
        ({"image_size": (31, 96)}, r"image_size is \(31, 96\); give \(height, width\)"),
        ({"image_size": (96,)}, r"image_size is \(96,\); give \(height, width\)"),
        ({"expressions_per_scene": 33}, "expressions_per_scene is 33; give a number"),
        ({"scene_seed": -1}, "scene_seed is -1; give a number from 0"),
        ({"num_objects": (1, 3)}, r"num_objects is \(1, 3\); give \(fewest, most\)"),
        ({"num_objects": (5, 4)}, r"num_objects is \(5, 4\); give \(fewest, most\)"),
        ({"kind_shares": {"colour": 1.0}}, r"unknown kinds \['colour'\]; known are"),
        ({"kind_shares": {"place": 0.5}}, "must not be negative and sum to 1"),
        ({"kind_shares": {}}, "must not be negative and sum to 1"),
        (
            {"kind_shares": {"place": 1.5, "relation": -0.5}},
            "must not be negative and sum to 1",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    arguments = {"split": "train", "num_images": 1, **options}
    with pytest.raises(ValueError, match=message):
        ShapesRefDataset(**arguments)


def test_scenes_without_room_are_refused(monkeypatch):
    monkeypatch.setattr("mmris.datasets.shapes_ref_dataset.draw_scene", lambda *_: None)
    with pytest.raises(RuntimeError, match="Give fewer objects, a larger picture"):
        ShapesRefDataset(split="train", num_images=1)
