"""docs/en/extending.md is the sample package, word for word, and the package works."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmris.registry import DATASETS, MODELS
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "tests" / "outside_package"
PAGE = (REPOSITORY / "docs" / "en" / "extending.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"`([\w/.]+)`:\n\n```python\n(.*?)```\n", PAGE, re.DOTALL))
FILES = sorted(
    str(path.relative_to(PACKAGE))
    for path in PACKAGE.rglob("*.py")
    if path.name != "conftest.py"
)


def test_the_page_shows_every_file():
    assert sorted(SHOWN) == FILES


@pytest.mark.parametrize("file", FILES)
def test_the_page_shows_what_is_in_the_file(file):
    assert SHOWN[file] == (PACKAGE / file).read_text(encoding="utf-8")


def test_the_neck_is_of_40_lines():
    assert len(SHOWN["my_ris/neck.py"].splitlines()) <= 40


def test_mmris_does_not_know_the_package():
    for path in (REPOSITORY / "mmris").rglob("*.py"):
        assert "my_ris" not in path.read_text(encoding="utf-8"), path


@pytest.fixture
def config(monkeypatch):
    monkeypatch.syspath_prepend(PACKAGE)
    monkeypatch.chdir(PACKAGE)
    return Config.fromfile("configs/my_ris_tiny.py")


def test_the_config_inherits_from_an_installed_one(config):
    ours = Config.fromfile(REPOSITORY / "configs/baseline/baseline_tiny_shapes.py")
    assert config.model.backbone == ours.model.backbone
    assert config.max_iters == ours.max_iters
    model = MODELS.build(config.model)
    parts = (model.text_encoder, model.neck, model.decode_head.aggregation)
    assert {type(part).__module__.split(".")[0] for part in parts} == {"my_ris"}


def test_the_dataset_reads_its_pictures_and_boxes(config):
    source = Config.fromfile("configs/_base_/datasets/boxes.py")
    pipeline = config.train_dataloader.dataset.pipeline[:2]
    dataset = DATASETS.build(
        {**source.test_dataloader.dataset, "pipeline": pipeline, "lazy_init": False}
    )
    assert len(dataset) == 4
    item = dataset[1]
    assert item["expressions"] == ["the green box", "the tall box", "the yellow box"]
    height, width = item["img"].shape[:2]
    assert item["gt_masks"].shape == (3, height, width) == (3, 64, 96)
    # Left 62, top 8, width 20, height 40; the picture is painted there in yellow.
    for mask in item["gt_masks"][1:]:
        assert mask.sum() == 20 * 40
        assert mask[8:48, 62:82].all()
        assert set(map(tuple, item["img"][mask > 0])) == {(50, 190, 220)}  # BGR


def test_the_transform_moves_masks_with_their_pictures(config):
    source = Config.fromfile("configs/_base_/datasets/boxes.py")
    zoom = {"type": "RandomZoomOut", "smallest": 0.5}
    pipeline = [*config.train_dataloader.dataset.pipeline[:2], zoom]
    dataset = DATASETS.build(
        {**source.train_dataloader.dataset, "sampling": "image", "pipeline": pipeline}
    )
    areas = []
    for _ in range(8):
        item = dataset[1]
        assert item["img"].shape == (64, 96, 3)
        for mask in item["gt_masks"][1:]:
            # The yellow box, but for its edges, which are mixed with what is beside.
            core = cv2.erode(mask, np.ones((3, 3)), borderValue=0)
            assert set(map(tuple, item["img"][core > 0])) == {(50, 190, 220)}
            areas.append(mask.sum())
    assert 0.2 * 800 < min(areas) < max(areas) <= 800
    assert len(set(areas)) > 4


def test_levels_of_different_widths_are_refused(config):
    config.merge_from_dict(
        {
            "model.neck": {
                "_delete_": True,
                "type": "DecoderFusion",
                "block": {"type": "ModulationBlock"},
            }
        }
    )
    message = r"levels of one width, but model.neck gives \(32, 64, 128, 256\)"
    with pytest.raises(ValueError, match=message):
        MODELS.build(config.model)


def test_the_index_of_models_is_complete():
    index = Config.fromfile(REPOSITORY / "model-index.yml")
    methods = {
        path.parent.name
        for path in (REPOSITORY / "configs").glob("*/*.py")
        if path.parent.name != "_base_"
    }
    assert list(index.Import) == sorted(
        f"configs/{method}/metafile.yml" for method in methods
    )
    for path in index.Import:
        assert (REPOSITORY / path).is_file(), path


def test_mmris_mim_has_what_is_shipped():
    folder = Path(REPOSITORY / "mmris" / ".mim")
    for name in ("configs", "tools", "model-index.yml"):
        assert (folder / name).resolve() == REPOSITORY / name
