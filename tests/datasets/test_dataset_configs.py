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
}


@pytest.mark.parametrize("name", list(CONFIGS))
def test_config_names_dataset_partition_and_splits(name):
    config = Config.fromfile(FOLDER / f"{name}.py")
    folder, partition, splits = CONFIGS[name]
    loaders = ["train_dataloader", "val_dataloader", "test_dataloader"]
    assert set(config) == {*loaders, "val_evaluator", "test_evaluator"}
    assert config.val_evaluator == config.test_evaluator == {"type": "RefSegMetric"}
    for key, split in zip(loaders, splits, strict=True):
        training = key == "train_dataloader"
        loader = config[key]
        sampler = "InfiniteSampler" if training else "DefaultSampler"
        assert loader.sampler == {"type": sampler, "shuffle": training}
        dataset = dict(loader.dataset)
        assert dataset.pop("test_mode", False) is not training
        built = DATASETS.build({**dataset, "lazy_init": True})
        assert (built.dataset, built.partition, built.split) == (
            folder,
            partition,
            split,
        )
        assert built.data_root == "data"


@pytest.mark.parametrize("name", ["refcoco", "refcocog"])
def test_config_reads_real_files(name, test_data):
    config = Config.fromfile(FOLDER / f"{name}.py")
    root = str(test_data / "mini_refcoco")
    lengths = [
        len(DATASETS.build({**config[key].dataset, "data_root": root}))
        for key in ("train_dataloader", "val_dataloader", "test_dataloader")
    ]
    assert lengths == {"refcoco": [129, 4, 3], "refcocog": [22, 4, 6]}[name]


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
