"""The checkpoint hooks on a runner of one layer."""

import signal
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from mmris.engine import (
    AtomicCheckpointHook,
    CheckpointFitHook,
    ExactResumeHook,
    Interrupted,
    InterruptionHook,
)
from mmris.engine.stop_signals import NAMES
from mmris.utils import atomic_files


class Model(BaseModel):
    def __init__(self, channels=1):
        super().__init__()
        self.layer = nn.Linear(1, channels)
        self.other = nn.Linear(1, 1)

    def forward(self, inputs, mode="tensor"):
        if mode == "loss":
            return {"loss": self.layer(inputs).square().mean()}
        return inputs


class Scores(Evaluator):
    """Gives the scores one after the other."""

    def __init__(self, scores):
        super().__init__([])
        self.scores = iter(scores)

    def process(self, data_samples, data_batch=None):
        pass

    def evaluate(self, size):
        return {"mIoU": next(self.scores)}


@pytest.fixture
def make_runner(tmp_path):
    def make(max_iters=6, scores=(), channels=1, hooks=(), by_epoch=False, **options):
        settings = {"interval": 2, "by_epoch": by_epoch, "max_keep_ckpts": 2}
        settings.update(options.pop("checkpoint", {}))
        loop = {"type": "IterBasedTrainLoop", "max_iters": max_iters}
        if by_epoch:
            loop = {"type": "EpochBasedTrainLoop", "max_epochs": max_iters}
        loop["val_interval"] = options.pop("val_interval", 3)
        rules = options.pop("rules", {})
        data = DataLoader([{"inputs": torch.ones(1)}] * 4, batch_size=1)
        if scores:
            options["val_dataloader"] = DataLoader([{"inputs": torch.ones(1)}] * 4)
            options["val_cfg"] = {"type": "ValLoop"}
            options["val_evaluator"] = Scores(scores)
        return Runner(
            model=Model(channels),
            work_dir=str(tmp_path / "run"),
            train_dataloader=data,
            train_cfg=loop,
            optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}, **rules},
            default_hooks={
                "checkpoint": {"type": "AtomicCheckpointHook", **settings},
                "logger": {"type": "LoggerHook", "interval": 100},
            },
            custom_hooks=[CheckpointFitHook(), InterruptionHook(), *hooks],
            default_scope="mmris",
            experiment_name=f"{tmp_path.name}",
            **options,
        )

    return make


@pytest.fixture(autouse=True)
def _signals_as_before():
    before = {number: signal.getsignal(number) for number in NAMES}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def files(tmp_path, pattern="*.pth"):
    return sorted(path.name for path in (tmp_path / "run").glob(pattern))


def pointer(tmp_path):
    return Path((tmp_path / "run" / "last_checkpoint").read_text()).name


def test_the_last_files_are_kept(make_runner, tmp_path):
    make_runner(max_iters=7).train()
    assert files(tmp_path) == ["iter_6.pth", "iter_7.pth"]
    assert pointer(tmp_path) == "iter_7.pth"


def test_numbers_of_files_go_on_after_resuming(make_runner, tmp_path):
    make_runner(max_iters=4).train()
    last = str(tmp_path / "run" / "iter_4.pth")
    make_runner(max_iters=8, resume=True, load_from=last).train()
    assert files(tmp_path) == ["iter_6.pth", "iter_8.pth"]


def test_a_score_that_never_comes_costs_no_iteration(make_runner, tmp_path):
    best = {"save_best": "mIoU_place", "rule": "greater", "interval": 2}
    message = (
        r"save_best is 'mIoU_place', which validation did not give \(there are "
        r"mIoU\)\. \S*iter_3\.pth has what is trained so far.* --resume$"
    )
    with pytest.raises(ValueError, match=message):
        make_runner(scores=[50.0], checkpoint=best).train()
    assert pointer(tmp_path) == "iter_3.pth"
    best["save_best"] = "mIoU"
    last = str(tmp_path / "run" / "iter_3.pth")
    make_runner(scores=[50.0], checkpoint=best, resume=True, load_from=last).train()
    assert "best_mIoU_iter_6.pth" in files(tmp_path)


@pytest.mark.parametrize("moment", ["write", "pointer"])
def test_a_failure_loses_nothing(make_runner, tmp_path, monkeypatch, moment):
    """Whatever happens at the third file: the second is there and is pointed to."""
    write = atomic_files.write_atomically

    def fail(path, content):
        wanted = "iter_6.pth" if moment == "write" else "last_checkpoint"
        if Path(path).name == wanted and (b"iter_6" in content or moment == "write"):
            raise OSError("no space left on device")
        write(path, content)

    monkeypatch.setattr(atomic_files, "write_atomically", fail)
    monkeypatch.setattr("mmris.utils.start_options.write_atomically", fail)
    with pytest.raises(OSError, match="no space left"):
        make_runner(max_iters=8).train()
    expected = ["iter_2.pth", "iter_4.pth"]
    assert files(tmp_path)[:2] == expected
    assert pointer(tmp_path) == "iter_4.pth"


def test_the_best_is_replaced_only_by_what_is_written(
    make_runner, tmp_path, monkeypatch
):
    best = {"checkpoint": {"save_best": "mIoU", "rule": "greater"}}
    seen = []
    save = Runner.save_checkpoint

    def spy(self, out_dir, filename, **options):
        if filename.startswith("best"):
            options.pop("file_client_args", None)
            seen.append((filename, files(tmp_path, "best*")))
        save(self, out_dir, filename, **options)

    monkeypatch.setattr(Runner, "save_checkpoint", spy)
    make_runner(max_iters=12, scores=[1.0, 3.0, 2.0, 4.0], **best).train()
    names = [f"best_mIoU_iter_{number}.pth" for number in (3, 6, 12)]
    assert seen == [(names[0], []), (names[1], names[:1]), (names[2], names[1:2])]
    assert files(tmp_path, "best*") == names[2:]


class Signal(InterruptionHook):
    """As if Ctrl-C was pressed in an iteration."""

    priority = "VERY_HIGH"

    def __init__(self, at, where):
        super().__init__()
        self.at = at
        self.where = where

    def _press(self, runner, where):
        if where == self.where and runner.iter == self.at:
            (hook,) = [h for h in runner.hooks if type(h) is InterruptionHook]
            hook._signals.received = 2

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self._press(runner, "training")

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self._press(runner, "validation")

    def after_train_iter(self, *arguments, **options):
        pass

    def after_val_iter(self, *arguments, **options):
        pass


@pytest.mark.parametrize(
    ("where", "at", "name", "done"),
    [
        ("training", 4, "iter_5.pth", 5),
        ("training", 3, "iter_4.pth", 4),  # the regular one of this iteration
        ("validation", 3, "iter_3.pth", 3),
    ],
)
def test_interrupted(make_runner, tmp_path, where, at, name, done):
    runner = make_runner(scores=[1.0, 1.0], hooks=[Signal(at, where)])
    with pytest.raises(Interrupted, match=name):
        runner.train()
    assert pointer(tmp_path) == name
    assert files(tmp_path, "iter*")[-1] == name
    contents = torch.load(tmp_path / "run" / name, weights_only=False)
    assert contents["meta"]["iter"] == done
    last = str(tmp_path / "run" / name)
    again = make_runner(scores=[1.0, 1.0], resume=True, load_from=last)
    again.train()
    assert again.iter == 6


def test_an_interrupted_epoch_is_finished(make_runner, tmp_path):
    options = {"by_epoch": True, "max_iters": 3, "checkpoint": {"interval": 1}}
    with pytest.raises(Interrupted, match=r"interrupted_iter_7\.pth"):
        make_runner(hooks=[Signal(6, "training")], **options).train()
    last = tmp_path / "run" / "interrupted_iter_7.pth"
    meta = torch.load(last, weights_only=False)["meta"]
    assert (meta["epoch"], meta["iter"]) == (1, 7)
    seen = Seen()
    hooks = [ExactResumeHook(), seen]
    again = make_runner(resume=True, load_from=str(last), hooks=hooks, **options)
    again.train()
    assert (again.epoch, again.iter) == (3, 12)
    assert seen.iterations == [7, 8, 9, 10, 11]


class Seen(Hook):
    """Remembers what was trained."""

    def __init__(self):
        self.iterations = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.iterations.append(runner.iter)


def test_a_resumed_runner_finds_the_newest_whole_checkpoint(make_runner, tmp_path):
    """Also without tools/train.py, and after the folder was moved."""
    make_runner(max_iters=4).train()
    assert (tmp_path / "run" / "last_checkpoint").read_text() == "iter_4.pth"
    damaged = tmp_path / "run" / "iter_4.pth"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    seen = Seen()
    make_runner(max_iters=5, resume=True, hooks=[ExactResumeHook(), seen]).train()
    assert seen.iterations == [2, 3, 4]


def test_interrupted_without_our_checkpoint_hook(make_runner, tmp_path):
    runner = make_runner(hooks=[Signal(4, "training")])
    runner._hooks = [h for h in runner.hooks if not isinstance(h, AtomicCheckpointHook)]
    with pytest.raises(Interrupted, match=r"interrupted_iter_5\.pth"):
        runner.train()
    assert pointer(tmp_path) == "interrupted_iter_5.pth"
    assert files(tmp_path) == ["interrupted_iter_5.pth"]


def test_fine_tuning_says_what_it_found(make_runner, tmp_path, caplog):
    make_runner(max_iters=2).train()
    last = tmp_path / "run" / "iter_2.pth"
    state = torch.load(last, weights_only=False)["state_dict"]
    del state["other.bias"]
    torch.save(state, tmp_path / "part.pth")
    runner = make_runner(max_iters=2, load_from=str(tmp_path / "part.pth"))
    runner.logger.addHandler(caplog.handler)
    runner.train()
    assert "part.pth has 3 of the 4 weights of the model; the others" in caplog.text


def test_checkpoints_of_other_models_are_refused(make_runner, tmp_path):
    make_runner(max_iters=2).train()
    last = str(tmp_path / "run" / "iter_2.pth")
    with pytest.raises(ValueError, match=r"iter_2.pth does not fit this config: 2 of"):
        make_runner(channels=3, resume=True, load_from=last).train()
    torch.save({"a.weight": torch.ones(1)}, tmp_path / "foreign.pth")
    foreign = str(tmp_path / "foreign.pth")
    with pytest.raises(ValueError, match=r"foreign.pth has only 0 of the 4 weights"):
        make_runner(load_from=foreign).train()


def test_an_optimizer_with_other_groups_is_refused(make_runner, tmp_path):
    make_runner(max_iters=2).train()
    last = str(tmp_path / "run" / "iter_2.pth")
    rules = {"paramwise_cfg": {"custom_keys": {"other": {"lr_mult": 2.0}}}}
    message = r"iter_2.pth: its optimizer has 1 groups .* that of the config 4, .*"
    with pytest.raises(ValueError, match=f"{message}optim_wrapper.constructor"):
        make_runner(rules=rules, resume=True, load_from=last).train()
    # Weights alone have no groups.
    make_runner(rules=rules, load_from=last).train()


def test_testing_wants_all_weights(make_runner, tmp_path):
    torch.save({"layer.weight": torch.ones(1, 1)}, tmp_path / "part.pth")
    runner = make_runner(load_from=str(tmp_path / "part.pth"))
    runner._train_loop = None  # as keep_testing_only leaves it
    with pytest.raises(ValueError, match=r"does not fit this config: 3 missing"):
        runner.load_or_resume()
