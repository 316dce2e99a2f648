"""ReferIt in the layout of the TF-phrasecut release."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.io import savemat

from mmris.datasets import (
    LoadRefImage,
    LoadRefMasks,
    ReferItDataset,
    blank_sentences,
)
from mmris.evaluation.ground_truth import read_ground_truth
from tests.datasets.own_data import write_picture

SIZES = {30993: (12, 20), 8: (9, 14), 40: (12, 20)}
QUERIES = {
    "30993_2": ["tallest bldng", "Big building, right."],
    "8_1": ["sky"],
    "30993_10": ["grass"],
    "8_3": ["", "the man"],
    "40_1": [" "],
    "19579_1": ["of a picture that the release lacks"],
}


def mask_of(name):
    image, region = (int(part) for part in name.split("_"))
    mask = np.zeros(SIZES[image], np.uint8)
    mask[2 : 3 + region % 5, 3:7] = 1
    return mask


@pytest.fixture
def root(tmp_path):
    """A data root as CMPC's README wants it."""
    (tmp_path / "referit" / "mask").mkdir(parents=True)
    for image, (height, width) in SIZES.items():
        path = tmp_path / "referit" / "images" / f"{image}.jpg"
        write_picture(path, height=height, width=width, seed=image)
    for name in QUERIES:
        if name != "19579_1":
            savemat(
                tmp_path / "referit" / "mask" / f"{name}.mat",
                {"segimg_t": 1 - mask_of(name)},
                do_compression=True,
            )
    write_queries(tmp_path, QUERIES)
    return tmp_path


def write_queries(root, queries, split="trainval"):
    (root / f"referit_query_{split}.json").write_text(json.dumps(queries))


def make(root, split="trainval", **options):
    return ReferItDataset(split=split, data_root=str(root), **options)


def test_regions_sentences_and_masks_are_those_of_the_files(root, monkeypatch):
    said = []
    say = lambda line, **_: said.append(line)  # noqa: E731
    monkeypatch.setattr(blank_sentences, "print_log", say)
    dataset = make(root, test_mode=True, pipeline=[LoadRefImage(), LoadRefMasks()])
    items = list(dataset)
    assert [item["image_id"] for item in items] == [30993, 8]
    assert [item["expressions"] for item in items] == [
        ["tallest bldng", "Big building, right.", "grass"],
        ["sky", "the man"],
    ]
    names = [["30993_2", "30993_2", "30993_10"], ["8_1", "8_3"]]
    for item, regions in zip(items, names):
        assert item["img"].shape[:2] == SIZES[item["image_id"]]
        for mask, name in zip(item["gt_masks"], regions):
            np.testing.assert_array_equal(mask, mask_of(name))
    assert items[0]["ref_ids"] == [309930002, 309930002, 309930010]
    assert items[0]["sent_ids"][:2] == [309930002000, 309930002001]
    assert items[1]["sent_ids"] == [80001000, 80003001]
    assert len({number for item in items for number in item["sent_ids"]}) == 5
    assert dataset.image_ids() == {"saiapr": {30993, 8}}
    (message,) = said
    assert "2 sentences have no text" in message


def test_masks_are_read_for_scores_of_files_as_well(root):
    images = list(read_ground_truth(make(root)))
    areas = [[s.facts.area for s in image.sentences] for image in images]
    assert areas == [
        [mask_of(n).sum() for n in ("30993_2", "30993_2", "30993_10")],
        [mask_of(n).sum() for n in ("8_1", "8_3")],
    ]


def test_query_files_may_lie_in_the_folder_of_the_data(root):
    (root / "referit_query_trainval.json").rename(
        root / "referit" / "referit_query_trainval.json"
    )
    assert make(root).num_images == 2


def test_an_unknown_split_lists_the_known_ones(root):
    write_queries(root, QUERIES, "test")
    with pytest.raises(
        FileNotFoundError, match=r"splits there: \['test', 'trainval'\]. Set 'split'"
    ):
        make(root, "testA")


def test_missing_files_are_named(root):
    with pytest.raises(FileNotFoundError, match="Set 'data_root' of the dataset"):
        make(root / "referit" / "mask")
    (root / "referit" / "images" / "8.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"no picture .*8.jpg.*'image_dir'"):
        make(root)


def test_a_missing_mask_is_named_when_its_item_is_taken(root):
    (root / "referit" / "mask" / "8_1.mat").unlink()
    dataset = make(root, test_mode=True, pipeline=[LoadRefMasks()])
    assert len(dataset[0]["gt_masks"]) == 3
    message = r"image 8 .*ref_id 80001.*no file .*8_1.mat.*'mask_dir'"
    with pytest.raises(FileNotFoundError, match=message):
        dataset[1]


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([], "holds a list; expected a dictionary of regions"),
        ({"30993": ["a"]}, "'30993' names no region; expected picture_region"),
        ({"a_1": ["a"]}, "'a_1' names no region"),
        ({"../8_1": ["a"]}, "names no region"),
        ({"8_99999": ["a"]}, "'8_99999' names no region"),
        ({"8_1": "a"}, "region '8_1' has 'a'; expected a list of sentences"),
        ({"8_1": [1]}, r"region '8_1' has \[1\]; expected a list of sentences"),
        ({"8_1": ["a"], "8_01": ["b"]}, "region '8_01' stands twice"),
        ({"8_1": [" "]}, "no region has a sentence"),
        ({"8_1": ["a"] * 1001}, "has 1001 sentences; at most 1000"),
        ({}, "no region has a sentence"),
    ],
)
def test_a_malformed_query_file_is_named(root, queries, message):
    write_queries(root, queries)
    with pytest.raises(ValueError, match=rf"referit_query_trainval.json.*{message}"):
        make(root)
