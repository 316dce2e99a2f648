"""A test run of an untrained model on generated scenes, with its predictions."""

from __future__ import annotations

import json
from types import SimpleNamespace

import torch
from mmengine.registry import DefaultScope

from mmris.datasets import ShapesRefDataset
from mmris.registry import MODELS
from mmris.utils.config import load_config
from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

BREAKDOWNS = ["words_refcoco", "size", "share", "location", "distractors", "category"]
CONFIG = """
_base_ = [{base!r}]
input_size = (48, 64)
pipeline = [
    dict(type="LoadRefImage"),
    dict(type="RefResize", size=input_size, keep_ratio=True),
    dict(type="LoadRefMasks"),
    dict(type="PackRefInputs"),
]
data = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(
    **data,
    dataset=dict(split="val", num_images=7, image_size=(70, 60), pipeline=pipeline),
)
test_evaluator = dict(
    type="RefSegMetric",
    no_target_scores=True,
    boundary_iou=True,
    breakdowns={breakdowns},
)
"""


def write_checkpoint(path, config, seed):
    """An untrained model, with maps that cross 0."""
    torch.manual_seed(seed)
    DefaultScope.get_instance(f"scenes-{seed}", scope_name="mmris")
    model = MODELS.build(load_config(config).model)
    model.init_weights()
    scenes = ShapesRefDataset(split="train", num_images=20)
    model.text_encoder.build_vocabulary(scenes.sentences())
    # What differs from place to place and from sentence to sentence counts.
    last = [m for m in model.decode_head.modules() if isinstance(m, torch.nn.Conv2d)]
    with torch.no_grad():
        for parameter in model.neck.parameters():
            parameter.mul_(3)
        last[-1].weight.mul_(8)
        last[-1].bias.zero_()
    torch.save({"state_dict": model.state_dict(), "meta": {}}, path)


def run_scenes(folder):
    """Config, predictions of two models and the scores of the first, in a folder."""
    config = folder / "scenes.py"
    base = REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py"
    config.write_text(CONFIG.format(base=str(base), breakdowns=BREAKDOWNS))
    tool = load_tool("test")
    metrics = folder / "metrics.json"
    for seed, name in enumerate(("first", "second")):
        write_checkpoint(folder / f"{name}.pth", config, seed)
        words = [str(config), str(folder / f"{name}.pth")]
        words += ["--work-dir", str(folder / name), "--out"]
        words += [str(folder / f"{name}.jsonl"), "--soft-scores"]
        words += ["--metrics", str(metrics)] if seed == 0 else []
        assert tool.main(words) == 0
    scores = json.loads(metrics.read_text())["metrics"]
    return SimpleNamespace(folder=folder, config=config, scores=scores)
