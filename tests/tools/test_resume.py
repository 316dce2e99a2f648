"""A run that was stopped and resumed equals the one that was not, bit for bit."""

import os
import signal

import pytest
import torch
from mmengine.runner import ValLoop
from resumed_runs import BY_EPOCH, BY_ITERATION, FINITE, Stop, assert_equal, state

from mmris.engine.mixed_precision import MixedPrecisionOptimWrapper

WORKERS = "train_dataloader.num_workers=2"
ACCUMULATING = ["optim_wrapper.accumulative_counts=3", "train_cfg.val_interval=3"]
CASES = {
    "iterations": (BY_ITERATION, 1, []),
    "iterations-workers": (BY_ITERATION, 1, [WORKERS]),
    "finite": (BY_ITERATION + FINITE, 1, []),
    "finite-workers": (BY_ITERATION + FINITE, 1, [WORKERS]),
    "accumulating": (BY_ITERATION, 1, ACCUMULATING),
    "epochs": (BY_EPOCH, 1, []),
    "epochs-workers": (BY_EPOCH, 1, [WORKERS]),
    "ranks": (BY_ITERATION, 2, []),
    "ranks-workers": (BY_ITERATION, 2, [WORKERS]),
    "ranks-epochs": (BY_EPOCH, 2, []),
    "ranks-epochs-workers": (BY_EPOCH, 2, [WORKERS]),
}

QUICK = {("ranks", signal.SIGKILL), ("epochs-workers", signal.SIGTERM)}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (name, number)
        if (name, number) in QUICK
        else pytest.param(name, number, marks=pytest.mark.slow)
        for name in CASES
        for number in (signal.SIGKILL, signal.SIGTERM)
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


def scale_losses():
    """As on a GPU in float16; the factor is doubled after every four steps."""
    init = MixedPrecisionOptimWrapper.__init__

    def scaling(self, **options):
        init(self, **options)
        self.loss_scaler = torch.amp.GradScaler(
            device="cpu", init_scale=8.0, growth_interval=4
        )

    MixedPrecisionOptimWrapper.__init__ = scaling


def test_the_factor_of_the_losses(train, write, tmp_path):
    def scale_and_stop():
        scale_losses()
        Stop(signal.SIGTERM, done=7)()

    path = write(BY_ITERATION)
    assert train(path, "whole", "--amp", change=scale_losses)[0] == [0]
    train(path, "cut", "--amp", change=scale_and_stop)
    scaler = state(tmp_path / "cut")["optimizer"]["loss_scaler"]
    assert (scaler["scale"], scaler["_growth_tracker"]) == (16.0, 3)
    codes, texts = train(path, "cut", "--amp", "--resume", change=scale_losses)
    assert codes == [0], texts
    whole = state(tmp_path / "whole")
    assert whole["optimizer"]["loss_scaler"]["scale"] == 32.0
    assert_equal(state(tmp_path / "cut"), whole)


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


@pytest.mark.parametrize(
    ("key", "interval"),
    [("default_hooks.checkpoint.interval", 3), ("train_cfg.val_interval", 4)],
)
def test_checkpoints_in_the_midst_of_a_step_are_refused(
    write, train_tool, tmp_path, capsys, key, interval
):
    arguments = [str(write(BY_ITERATION)), "--work-dir", str(tmp_path / "run")]
    arguments += ["--cfg-options", f"optim_wrapper.accumulative_counts={7 - interval}"]
    assert train_tool.main(arguments) == 2
    assert f"{key} is {interval}, but a step takes" in capsys.readouterr().err
