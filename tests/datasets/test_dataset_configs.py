"""The configs of the REFER family name the data source and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmris.registry import DATASETS
from mmris.utils.config import load_config, switch_dataset
from tests.conftest import REPOSITORY
from tests.datasets.own_data import POLYGON, write_entries, write_picture

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "_base_" / "datasets"
# file: folder, partition, split of training, validation and testing
CONFIGS = {
    "refcoco": ("refcoco", "unc", ("train", "val", "testA")),
    "refcoco_google": ("refcoco", "google", ("train", "val", "test")),
    "refcoco_plus": ("refcoco+", "unc", ("train", "val", "testA")),
    "refcocog": ("refcocog", "umd", ("train", "val", "test")),
    "refcocog_google": ("refcocog", "google", ("train", "val", "val")),
    "grefcoco": ("grefcoco", "unc", ("train", "val", "testA")),
    "refclef": ("refclef", "unc", ("train", "val", "testA")),
    "refclef_berkeley": ("refclef", "berkeley", ("train", "val", "test")),
    "rrsisd": ("rrsisd", "unc", ("train", "val", "test")),
}
OTHER_CONFIGS = {
    "referit": ("data", ("trainval", "test", "test")),
    "phrasecut": ("data/VGPhraseCut_v0", ("train", "val", "test")),
}
# Copies on the hub: name there, and splits.
HUB_CONFIGS = {
    "refcoco_hub": ("jxu124/refcoco", ("train", "val", "testA")),
    "refcoco_plus_hub": ("jxu124/refcocoplus", ("train", "val", "testA")),
    "refcocog_hub": ("jxu124/refcocog", ("train", "val", "test")),
}
# Pictures elsewhere than in COCO's folder, and scores besides the usual ones.
IMAGE_DIRS = {
    "refclef": "images/saiapr_tc-12",
    "refclef_berkeley": "images/saiapr_tc-12",
    "rrsisd": "images/rrsisd/JPEGImages",
}
METRICS = {
    "grefcoco": {"no_target_scores": True},
    "phrasecut": {"precision_thresholds": (0.3, 0.5, 0.7, 0.9)},
}


@pytest.mark.parametrize("name", list(CONFIGS))
def test_config_names_dataset_partition_and_splits(name):
    folder, partition, splits = CONFIGS[name]
    images = IMAGE_DIRS.get(name, "images/mscoco/images/train2014")
    for built, split in zip(build_all(name), splits, strict=True):
        assert (built.dataset, built.partition, built.split) == (
            folder,
            partition,
            split,
        )
        assert built.data_root == "data"
        assert built.data_prefix["img_path"] == f"data/{images}"


@pytest.mark.parametrize("name", list(OTHER_CONFIGS))
def test_config_of_another_layout_names_root_and_splits(name):
    root, splits = OTHER_CONFIGS[name]
    built = build_all(name)
    assert [dataset.split for dataset in built] == list(splits)
    assert {dataset.data_root for dataset in built} == {root}


@pytest.mark.parametrize("name", list(HUB_CONFIGS))
def test_config_of_a_copy_names_it(name):
    path, splits = HUB_CONFIGS[name]
    built = build_all(name)
    assert [(dataset.path, dataset.split) for dataset in built] == [
        (path, split) for split in splits
    ]


def test_redrawn_masks_are_for_scores_alone():
    training, *scoring = build_all("refcoco_m")
    assert (training.dataset, training.split) == ("refcoco", "train")
    for dataset in scoring:
        assert (dataset.path, dataset.split) == ("moondream/refcoco-m", "val")


def build_all(name):
    """The three datasets of a config, which has nothing else in it."""
    config = Config.fromfile(FOLDER / f"{name}.py")
    loaders = ["train_dataloader", "val_dataloader", "test_dataloader"]
    assert set(config) == {*loaders, "val_evaluator", "test_evaluator"}
    metric = {"type": "RefSegMetric", **METRICS.get(name, {})}
    assert config.val_evaluator == config.test_evaluator == metric
    datasets = []
    for key in loaders:
        training = key == "train_dataloader"
        loader = config[key]
        sampler = "InfiniteSampler" if training else "DefaultSampler"
        assert loader.sampler == {"type": sampler, "shuffle": training}
        dataset = dict(loader.dataset)
        assert dataset.pop("test_mode", False) is not training
        datasets.append(DATASETS.build({**dataset, "lazy_init": True}))
    return datasets


@pytest.mark.parametrize("name", ["refcoco", "refcocog", "grefcoco"])
def test_config_reads_real_files(name, test_data):
    config = Config.fromfile(FOLDER / f"{name}.py")
    root = str(test_data / "mini_refcoco")
    lengths = [
        len(DATASETS.build({**config[key].dataset, "data_root": root}))
        for key in ("train_dataloader", "val_dataloader", "test_dataloader")
    ]
    assert (
        lengths
        == {
            "refcoco": [129, 4, 3],
            "refcocog": [22, 4, 6],
            "grefcoco": [38, 4, 3],
        }[name]
    )


def test_own_data_of_another_place_takes_a_file(tmp_path):
    write_picture(tmp_path / "a.png")
    entries = [
        {"image": "a.png", "mask": [POLYGON], "sentences": ["box"] * 3, "split": split}
        for split in ("train", "val")
    ]
    path = write_entries(tmp_path / "mine.json", entries)
    config = load_config(REPOSITORY / "configs/baseline/baseline_tiny_shapes.py")
    switch_dataset(config, str(path))
    for key, count in (("train", 1), ("val", 1), ("test", 1)):
        dataset = config[f"{key}_dataloader"].dataset
        assert dataset.pop("pipeline")
        assert len(DATASETS.build(dataset)) == count
    assert config.val_evaluator == {"type": "RefSegMetric"}
    message = r"no annotation file 'gone\.jsonl' \(--dataset\)\. Give the path"
    with pytest.raises(FileNotFoundError, match=message):
        switch_dataset(config, "gone.jsonl")
