"""A training of a moment whose steps can be compared to the last digits."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt  # noqa: F401  (imported by MMEngine's visualizer)
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from mmris import registry
from mmris.engine import build_runner
from mmris.registry import DATASETS, MODELS
from mmris.utils.config_options import samples_a_step, scale_learning_rates
from mmris.utils.launch import process_group

# What a training imports is imported once, before the processes are forked.
for found in vars(registry).values():
    if isinstance(found, registry.Registry):
        found.import_from_location()

# Looks for compilers, for seconds.
Runner._log_env = lambda runner, env_cfg: None

STEPS = 4
WIDTH = 6


@DATASETS.register_module()
class NumbersDataset(Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        inputs = torch.randn(WIDTH, generator=generator)
        return {"inputs": inputs, "data_samples": inputs.sin().sum()}


@MODELS.register_module()
class NumbersModel(BaseModel):
    """``sometimes`` sees some samples, which not every process has; ``never`` none."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(WIDTH, 8)
        self.sometimes = nn.Linear(8, 8)
        self.never = nn.Linear(8, 8)
        self.last = nn.Linear(8, 1)

    def init_weights(self):
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.5, generator=generator)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        inputs, wanted = torch.stack(inputs), torch.stack(data_samples)
        hidden = torch.tanh(self.first(inputs))
        chosen = inputs[:, 0] > 1
        if chosen.any():
            hidden = torch.where(chosen[:, None], self.sometimes(hidden), hidden)
        found = self.last(hidden)[:, 0]
        return {"loss": (found.float() - wanted).square().mean()}


def train(options=None, *, auto_scale_lr=False, steps=STEPS):
    """Train and return what came out of it.

    Args:
        options: Of the config.
        auto_scale_lr: Whether the learning rate grows with the samples a step.
        steps: Steps of the optimizer.
    """
    cfg = base_config()
    samples = samples_a_step(cfg)
    cfg.merge_from_dict(options or {})
    cfg.train_cfg.max_iters = steps * cfg.optim_wrapper.get("accumulative_counts", 1)
    if auto_scale_lr:
        scale_learning_rates(cfg, base=samples)
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        with process_group(cfg, "pytorch"):
            runner = build_runner(cfg)
            runner.train()
            model = runner.model.module
            emas = [h.ema_model for h in runner.hooks if hasattr(h, "ema_model")]
            found = {
                "weights": whole(model.state_dict()),
                "lr": runner.optim_wrapper.param_groups[0]["lr"],
                "average": [whole(ema.module.state_dict()) for ema in emas],
            }
            found["kept"] = sum(local(p).numel() for p in model.parameters())
        for log in Path(folder).glob("*/vis_data/scalars.json"):  # of rank 0
            lines = [json.loads(line) for line in log.read_text().splitlines()]
            found["grad_norms"] = [line.get("grad_norm") for line in lines]
    return found


def whole(state):
    """A copy of a state dict, of shares put together."""
    return {
        name: value.full_tensor() if hasattr(value, "full_tensor") else value.clone()
        for name, value in state.items()
    }


def local(parameter):
    return parameter.to_local() if hasattr(parameter, "to_local") else parameter


def base_config():
    return Config(
        {
            "default_scope": "mmris",
            "experiment_name": "numbers",
            "model": {"type": "NumbersModel"},
            "train_dataloader": {
                "batch_size": 4,
                "num_workers": 0,
                "sampler": {"type": "InfiniteSampler", "shuffle": True, "seed": 3},
                "dataset": {"type": "NumbersDataset"},
                "collate_fn": {"type": "pseudo_collate"},
            },
            "optim_wrapper": {
                "type": "OptimWrapper",
                "optimizer": {"type": "SGD", "lr": 0.02, "momentum": 0.9},
            },
            "train_cfg": {"type": "IterBasedTrainLoop", "max_iters": STEPS},
            "default_hooks": {
                "logger": {"type": "LoggerHook", "interval": 1},
                "checkpoint": None,
            },
            "log_processor": {"by_epoch": False, "window_size": 1},
            "log_level": "ERROR",
            "randomness": {"seed": 0},
        }
    )
