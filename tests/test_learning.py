"""Models learn what they are shown: slow, run with ``pytest -m slow``."""

import os

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from tests.conftest import REPOSITORY


def on_photographs(config, data_root, work_dir, *, size, iterations):
    """The config with mini_refcoco's training photographs to train and score on."""
    config = Config.fromfile(REPOSITORY / config)
    config.work_dir = str(work_dir)
    config.default_hooks.pop("visualization")
    config.default_hooks.checkpoint.interval = iterations
    config.train_cfg.update(max_iters=iterations, val_interval=iterations)
    config.model.text_encoder.num_embeddings = 400
    for split in ("train", "val", "test"):
        loader = config[f"{split}_dataloader"]
        kept = {
            key: loader.dataset[key]
            for key in ("pipeline", "sampling", "expressions_per_image")
            if key in loader.dataset
        }
        for transform in kept["pipeline"]:
            if transform["type"] == "RefResize":
                transform["size"] = size
        loader.dataset = {
            "type": "ReferDataset",
            "dataset": "refcoco",
            "partition": "unc",
            "split": "train",
            "data_root": str(data_root),
            "test_mode": split != "train",
            **kept,
        }
    for scheduler in config.param_scheduler:
        if scheduler.get("end", 0) > iterations:
            scheduler["end"] = iterations
    return config


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "size", "expected"),
    [
        ("configs/baseline/baseline_tiny_shapes.py", (192, 192), 80.0),
        ("configs/cmsa/cmsa_tiny_shapes.py", (128, 128), 75.0),
        ("configs/cmpc/cmpc_tiny_shapes.py", (128, 128), 75.0),
        ("configs/shnet/shnet_tiny_shapes.py", (128, 128), 75.0),
        ("configs/cefnet/cefnet_tiny_shapes.py", (128, 128), 75.0),
        ("configs/jmceln/jmceln_tiny_shapes.py", (128, 128), 75.0),
    ],
)
def test_twelve_photographs_are_learnt(config, size, expected, test_data, tmp_path):
    """Within 1,000 iterations of 32 expressions."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    config = on_photographs(
        config, test_data / "mini_refcoco", tmp_path, size=size, iterations=1000
    )
    config.train_dataloader.batch_size = 8
    config.train_dataloader.dataset.expressions_per_image = 4  # 32 sentences
    runner = Runner.from_cfg(config)
    runner.train()
    scores = runner.val_loop.run()
    assert len(runner.val_dataloader.dataset) == 12
    assert scores["mIoU"] >= expected, scores
