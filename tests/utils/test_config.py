from pathlib import Path

import pytest
from mmengine.config import Config

from mmris.utils.config import (
    dataset_heads,
    dataset_leaves,
    dataset_places,
    load_config,
    switch_dataset,
)

REPOSITORY = Path(__file__).resolve().parents[2]
BASELINE = REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py"
DATASETS = sorted(
    path.stem for path in (REPOSITORY / "configs" / "_base_" / "datasets").glob("*.py")
)


def test_a_missing_config_suggests_similar_names():
    with pytest.raises(FileNotFoundError, match=r"did you mean .*baseline_tiny_shapes"):
        load_config("configs/baseline_tiny_shape.py")
    with pytest.raises(FileNotFoundError, match=r"'zzz'; see the folder configs/"):
        load_config("zzz")


def test_leaves_are_found_below_wrappers_only():
    leaf = {"type": "A", "dataset": "refcoco"}
    other = {"type": "B", "datasets": ["x", "y"]}
    both = {"type": "ConcatDataset", "datasets": [leaf, {"dataset": other}]}
    assert list(dataset_leaves(both)) == [leaf, other]
    assert list(dataset_leaves(leaf)) == [leaf]
    places = [place for place, _ in dataset_places(both, "val")]
    assert places == ["val.datasets.0", "val.datasets.1.dataset"]


@pytest.mark.parametrize("name", DATASETS)
def test_datasets_replace_each_other_whole(name):
    cfg = load_config(BASELINE)
    before = load_config(BASELINE)
    source = Config.fromfile(
        str(REPOSITORY / "configs" / "_base_" / "datasets" / f"{name}.py")
    )
    switch_dataset(cfg, name)
    for split in ("train", "val", "test"):
        key = f"{split}_dataloader"
        expected = source[key].dataset.to_dict()
        kept = {"pipeline", "sampling", "expressions_per_image"}
        found = cfg[key].dataset.to_dict()
        assert {k: v for k, v in found.items() if k not in kept} == expected
        assert found["pipeline"] == before[key].dataset.to_dict()["pipeline"]
        rest = cfg[key].to_dict(), before[key].to_dict()
        for loader in rest:
            del loader["dataset"]
        assert rest[0] == rest[1]
    assert (
        cfg.train_dataloader.dataset.sampling
        == before.train_dataloader.dataset.sampling
    )
    assert cfg.model == before.model


def test_a_switch_there_and_back_changes_nothing():
    cfg = load_config(BASELINE)
    switch_dataset(cfg, "refcoco")
    switch_dataset(cfg, "shapes")
    before = load_config(BASELINE)
    for key in (
        "train_dataloader",
        "val_dataloader",
        "test_dataloader",
        "val_evaluator",
    ):
        assert cfg[key] == before[key]


def test_a_switched_config_survives_being_written(tmp_path):
    cfg = load_config(BASELINE)
    switch_dataset(cfg, "refcoco")
    cfg.dump(str(tmp_path / "dumped.py"))
    assert Config.fromfile(str(tmp_path / "dumped.py")).to_dict() == cfg.to_dict()


def test_a_file_anywhere_is_a_dataset(tmp_path):
    path = tmp_path / "mine.py"
    loader = "dict(dataset=dict(type='Mine', root='x'))"
    text = "".join(
        f"{split}_dataloader = {loader}\n" for split in ("train", "val", "test")
    )
    path.write_text(text)
    cfg = load_config(BASELINE)
    switch_dataset(cfg, str(path))
    assert cfg.train_dataloader.dataset.type == "Mine"
    assert "num_images" not in cfg.train_dataloader.dataset
    assert cfg.val_evaluator.type == "RefSegMetric"


def test_an_unknown_dataset_lists_the_known_ones():
    with pytest.raises(
        FileNotFoundError, match=r"no dataset 'coco'; .*refcoco.*shapes"
    ):
        switch_dataset(load_config(BASELINE), "coco")


def test_a_dataset_without_a_split_is_refused(tmp_path):
    path = tmp_path / "half.py"
    path.write_text("train_dataloader = dict(dataset=dict(type='Mine'))\n")
    with pytest.raises(ValueError, match=r"half\.py has no val_dataloader"):
        switch_dataset(load_config(BASELINE), str(path))


def test_mixtures_hand_on_what_a_method_decides():
    cfg = load_config(BASELINE)
    switch_dataset(cfg, "refcoco_mixed")
    mixture = cfg.train_dataloader.dataset
    assert mixture.sampling == "image"
    assert all("pipeline" not in part for part in mixture.datasets)
    repeated = {"type": "RepeatDataset", "times": 2, "dataset": mixture}
    assert list(dataset_heads(repeated)) == [mixture]
    leaf = {"type": "A", "dataset": "refcoco"}
    assert list(dataset_heads({"type": "Concat", "datasets": [leaf]})) == [leaf]
    switch_dataset(cfg, "shapes")
    before = load_config(BASELINE)
    assert cfg.train_dataloader == before.train_dataloader
