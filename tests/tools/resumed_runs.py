"""Trainings in forks that are stopped, and what they leave."""

from __future__ import annotations

import os
import random
import signal
import socket

import pytest
import tiny_run
import torch
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from mmris.utils import load_checkpoint_file
from tests.forked import Fork

BY_EPOCH = """
train_cfg = dict(_delete_=True, type="EpochBasedTrainLoop", max_epochs=4)
train_dataloader = dict(sampler=dict(type="DefaultSampler", shuffle=True))
param_scheduler = [dict(type="CosineAnnealingLR", T_max=4, by_epoch=True)]
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=1))
log_processor = dict(by_epoch=True)
"""
BY_ITERATION = """
train_cfg = dict(max_iters=11, val_interval=4)
param_scheduler = [dict(type="CosineAnnealingLR", T_max=11, by_epoch=False)]
default_hooks = dict(checkpoint=dict(interval=3))
"""
FINITE = 'train_dataloader = dict(sampler=dict(type="DefaultSampler", shuffle=True))\n'


@pytest.fixture
def write(config):
    """Writes the config of a random run into a file beside the tiny one."""

    def write_config(text, name="random.py"):
        path = config.parent / name
        path.write_text(f"_base_ = [{config.name!r}]\n{tiny_run.RANDOM}{text}")
        return path

    return write_config


class Stop:
    """Sends a signal to this process at the end of an iteration."""

    def __init__(self, number, done, *, group=False):
        self.number, self.done = number, done
        self.send = os.killpg if group else os.kill  # with the workers or without

    def __call__(self):
        for loop in (EpochBasedTrainLoop, IterBasedTrainLoop):
            loop.run_iter = self.stopping(loop.run_iter)

    def stopping(self, run_iter):
        def run(loop, *batch):
            if loop._iter + 1 == self.done and self.number != signal.SIGKILL:
                self.send(os.getpid(), self.number)
            run_iter(loop, *batch)
            if loop._iter == self.done and self.number == signal.SIGKILL:
                os.killpg(os.getpid(), self.number)

        return run


@pytest.fixture
def train(train_tool, tmp_path):
    """Trains in forks, one a rank; returns their exit codes."""

    def run(config, name, *options, ranks=1, change=None, seed=0):
        arguments = [str(config), "--work-dir", str(tmp_path / name), *options]
        output = tmp_path / name
        return run_ranks(
            train_tool.main, arguments, output, ranks=ranks, change=change, seed=seed
        )

    return run


def run_ranks(main, arguments, output, *, ranks=1, change=None, seed=0):
    """Run a tool in forks; returns exit codes and what was printed."""
    port = free_port()
    forks = []
    for rank in range(ranks):

        def action(rank=rank):
            if change is not None and rank == ranks - 1:
                change()
            if ranks > 1:
                arguments.extend(["--launcher", "pytorch"])
                names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks}
                for key, value in (names | {"MASTER_PORT": port}).items():
                    os.environ[key] = str(value)
            # Whatever the process drew before.
            random.seed(seed + rank)
            torch.manual_seed(seed + rank)
            return main(arguments)

        forks.append(Fork(action, output.parent / f"{output.name}-{rank}.txt"))
    return [fork.end() for fork in forks], [fork.text for fork in forks]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def state(work_dir):
    """All that training goes on from."""
    name = (work_dir / "last_checkpoint").read_text()
    contents = load_checkpoint_file(work_dir / name)
    parts = ("state_dict", "ema_state_dict", "optimizer", "param_schedulers")
    place = {key: contents["meta"][key] for key in ("epoch", "iter")}
    return {**{part: contents[part] for part in parts}, "place": place}


def assert_equal(first, second):
    """Bit for bit."""
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key, value in first.items():
            assert_equal(value, second[key])
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_equal(one, other)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


def check(train, tmp_path, path, *, number, done, ranks=1, options=()):
    options = ("--seed", "3", *options)
    codes, texts = train(path, "whole", *options, ranks=ranks)
    assert codes == [0] * ranks, texts
    stop = Stop(number, done)
    codes, texts = train(path, "cut", *options, ranks=ranks, change=stop)
    assert 0 not in codes, texts
    codes, texts = train(path, "cut", *options, "--resume", ranks=ranks, seed=99)
    assert codes == [0] * ranks, texts
    assert_equal(state(tmp_path / "cut"), state(tmp_path / "whole"))
    best = [
        sorted(f.name for f in (tmp_path / n).glob("best*")) for n in ("cut", "whole")
    ]
    assert best[0] == best[1]
