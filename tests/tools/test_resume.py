"""A run that was stopped and resumed equals the one that was not, bit for bit."""

import os
import random
import signal
import socket

import pytest
import tiny_run
import torch
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, ValLoop

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

    def __init__(self, number, done):
        self.number, self.done = number, done

    def __call__(self):
        for loop in (EpochBasedTrainLoop, IterBasedTrainLoop):
            loop.run_iter = self.stopping(loop.run_iter)

    def stopping(self, run_iter):
        def run(loop, *batch):
            if loop._iter + 1 == self.done and self.number != signal.SIGKILL:
                os.kill(os.getpid(), self.number)
            run_iter(loop, *batch)
            if loop._iter == self.done and self.number == signal.SIGKILL:
                os.killpg(os.getpid(), self.number)

        return run


@pytest.fixture
def train(train_tool, tmp_path):
    """Trains in forks, one a rank; returns their exit codes."""

    def run(config, name, *options, ranks=1, change=None, seed=0):
        arguments = [str(config), "--work-dir", str(tmp_path / name), *options]
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
                return train_tool.main(arguments)

            forks.append(Fork(action, tmp_path / f"{name}-{rank}.txt"))
        return [fork.end() for fork in forks], [fork.text for fork in forks]

    return run


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


WORKERS = "train_dataloader.num_workers=2"
ACCUMULATING = "optim_wrapper.accumulative_counts=3"
CASES = {
    "iterations": (BY_ITERATION, 1, []),
    "iterations-workers": (BY_ITERATION, 1, [WORKERS]),
    "finite": (BY_ITERATION + FINITE, 1, []),
    "finite-workers": (BY_ITERATION + FINITE, 1, [WORKERS]),
    "accumulating": (BY_ITERATION, 1, [ACCUMULATING]),
    "epochs": (BY_EPOCH, 1, []),
    "epochs-workers": (BY_EPOCH, 1, [WORKERS]),
    "ranks": (BY_ITERATION, 2, []),
    "ranks-workers": (BY_ITERATION, 2, [WORKERS]),
    "ranks-epochs": (BY_EPOCH, 2, []),
    "ranks-epochs-workers": (BY_EPOCH, 2, [WORKERS]),
}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("ranks", "epochs-workers")
        else pytest.param(name, marks=pytest.mark.slow)
        for name in CASES
    ],
)
def test_resumed_equals_uninterrupted(train, write, tmp_path, name, number):
    text, ranks, changes = CASES[name]
    path, options = write(text), ["--seed", "3"]
    if changes:
        options += ["--cfg-options", *changes]
    codes, texts = train(path, "whole", *options, ranks=ranks)
    assert codes == [0] * ranks, texts
    # In the midst of an epoch, of a step, and between two checkpoints.
    stop = Stop(number, done=7)
    codes, texts = train(path, "cut", *options, ranks=ranks, change=stop)
    assert 0 not in codes, texts
    codes, texts = train(path, "cut", *options, "--resume", ranks=ranks, seed=99)
    assert codes == [0] * ranks, texts
    assert_equal(state(tmp_path / "cut"), state(tmp_path / "whole"))
    best = [
        sorted(file.name for file in (tmp_path / run).glob("best*"))
        for run in ("cut", "whole")
    ]
    assert best[0] == best[1]
    assert best[0]


@pytest.mark.slow
def test_mixed_precision(train, write, tmp_path):
    path = write(BY_ITERATION)
    assert train(path, "whole", "--amp")[0] == [0]
    train(path, "cut", "--amp", change=Stop(signal.SIGKILL, done=7))
    assert train(path, "cut", "--amp", "--resume")[0] == [0]
    assert_equal(state(tmp_path / "cut"), state(tmp_path / "whole"))


def test_a_validation_that_a_kill_cut_off_comes_first(train, write, tmp_path):
    """Else the best checkpoint would be another."""
    path = write(BY_ITERATION)
    options = ["--cfg-options", "default_hooks.checkpoint.interval=4"]
    options.append("default_hooks.logger.interval=1")
    codes, _ = train(path, "run", *options, change=stop_in_validation)
    assert codes == [-signal.SIGKILL]
    assert not list((tmp_path / "run").glob("best*"))
    codes, texts = train(path, "run", *options, "--resume")
    assert codes == [0], texts
    first, rest = texts[0].split("The validation of this checkpoint comes first.")
    assert "Iter(val)" not in first
    assert rest.index("Iter(val) [5/5]") < rest.index("Iter(train)")


def stop_in_validation():
    ValLoop.run_iter = lambda *_: os.killpg(os.getpid(), signal.SIGKILL)


def test_checkpoints_in_the_midst_of_a_step_are_refused(
    write, train_tool, tmp_path, capsys
):
    arguments = [str(write(BY_ITERATION)), "--work-dir", str(tmp_path / "run")]
    arguments += ["--cfg-options", "optim_wrapper.accumulative_counts=2"]
    assert train_tool.main(arguments) == 2
    assert (
        "default_hooks.checkpoint.interval is 3, but a step takes the gradients of 2 "
        "batches (optim_wrapper.accumulative_counts)"
    ) in capsys.readouterr().err
