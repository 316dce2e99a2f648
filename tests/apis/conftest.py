"""A small model with its pipeline, as config and as checkpoint."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from tests import parts

SIZE = (64, 96)


def make_config(*, size=SIZE, keep_ratio=False, text_encoder="GRUTextEncoder"):
    """Config of a model and of testing, whose dataset is nowhere."""
    pipeline = [
        {"type": "LoadRefImage"},
        {"type": "RefResize", "size": size, "keep_ratio": keep_ratio},
        {"type": "LoadRefMasks"},
        {"type": "PackRefInputs"},
    ]
    dataset = {"type": "ReferDataset", "data_root": "nowhere", "pipeline": pipeline}
    return Config(
        {
            "default_scope": "mmris",
            "model": parts.model_config(text_encoder=text_encoder),
            "test_dataloader": {"batch_size": 1, "dataset": dataset},
        }
    )


def write_checkpoint(path, config, model=None, **meta):
    """A file as training writes it."""
    model = model or parts.build_model(config.model)
    contents = {
        "meta": {"cfg": config.pretty_text, "iter": 7, **meta},
        "state_dict": model.state_dict(),
        "message_hub": {},
    }
    torch.save(contents, path)
    return path


@pytest.fixture(scope="session")
def config():
    return make_config()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("checkpoint") / "iter_7.pth"
    return write_checkpoint(path, config)
