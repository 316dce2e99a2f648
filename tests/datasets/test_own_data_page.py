"""What docs/en/own_data.md promises: from a file to a trained model and its answer."""

from __future__ import annotations

import importlib.util
import json
import re

import numpy as np
import pytest
from PIL import Image

from mmris.apis import RefSegInferencer
from mmris.datasets import JsonRefDataset
from mmris.datasets.ref_entry import _FIELDS
from tests.conftest import REPOSITORY
from tests.datasets.own_data import write_picture

PAGE = (REPOSITORY / "docs/en/own_data.md").read_text(encoding="utf-8")
CONFIG = REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py"
SMALL = [
    f"{split}_dataloader.{key}"
    for split in ("train", "val")
    for key in ("num_workers=0", "persistent_workers=False")
]


def block(language):
    """The first block of a language on the page."""
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture
def train_tool():
    path = REPOSITORY / "tools" / "train.py"
    spec = importlib.util.spec_from_file_location("mmris_tool_train_own", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with the page's example in data/own."""
    monkeypatch.chdir(tmp_path)
    program = block("python").replace('"train": 48, "val": 12', '"train": 6, "val": 2')
    exec(compile(program, "own_data.md", "exec"), {})
    return tmp_path


def test_the_first_lines_of_the_page_are_a_dataset(tmp_path):
    (tmp_path / "own.jsonl").write_text(block("json"))
    write_picture(tmp_path / "kitchen.jpg", height=100, width=80)
    write_picture(tmp_path / "tin.png", height=100, width=80)
    Image.new("L", (80, 100), 255).save(tmp_path / "kitchen_tin.png")
    dataset = JsonRefDataset(ann_file="own.jsonl", data_root=str(tmp_path))
    assert dataset.num_images == 1
    assert len(dataset) == 3


def test_the_table_names_every_key():
    for name in _FIELDS:
        assert re.search(rf"^\| .*`{name}`.* \|", PAGE, re.MULTILINE), name


@pytest.mark.parametrize("dataset", ["own_data", "data/own/annotations.jsonl"])
def test_from_a_file_to_a_model_and_its_answer(folder, train_tool, dataset):
    options = ["--max-iters", "2", "--work-dir", "run", "--cfg-options", *SMALL]
    assert train_tool.main([str(CONFIG), "--dataset", dataset, *options]) == 0
    checkpoint = folder / "run" / "iter_2.pth"
    words = [
        word
        for line in (folder / "data/own/annotations.jsonl").read_text().splitlines()
        if json.loads(line)["split"] == "train"
        for sentence in json.loads(line)["sentences"]
        for word in sentence.split()
    ]
    segment = RefSegInferencer(checkpoint=str(checkpoint), device="cpu")
    assert segment.model.text_encoder.unknown_rate(words) == 0
    found = segment("data/own/val_0.png", ["the red shape", "the circle on the left"])
    assert found.masks.shape == (2, 96, 96)
    assert np.isfinite(found.scores).all()
    assert all(weights.isfinite().all() for weights in segment.model.parameters())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"image"',
            '"imgae"',
            r"jsonl, line 1 has the unknown key 'imgae'; did you me",
        ),
        ("train_0", "trains_0", r"line 1: 'image': no picture data/own/trains_0\.png"),
    ],
)
def test_mistakes_give_one_line(folder, train_tool, capsys, old, new, message):
    path = folder / "data/own/annotations.jsonl"
    path.write_text(path.read_text().replace(old, new))
    options = ["--max-iters", "2", "--work-dir", "run", "--cfg-options", *SMALL]
    assert train_tool.main([str(CONFIG), "--dataset", "own_data", *options]) == 2
    printed = capsys.readouterr().err
    lines = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert re.search(message, lines[0]), lines[0]
