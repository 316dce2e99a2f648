"""Sharded parameters: the run, its checkpoints and its scores are those without."""

import json
import signal

import pytest
import torch
from resumed_runs import BY_EPOCH, BY_ITERATION, check, run_ranks, state

# The rest of the model, its normalisation, is gathered with the model itself.
SHARDED = """
model_wrapper_cfg = dict(type="ShardedModel", modules=["conv"])
"""
KEEPING = "default_hooks = dict(checkpoint=dict(interval=3, max_keep_ckpts=-1))"
REPLICATED = ["--cfg-options", "model_wrapper_cfg=None"]


def assert_close(found, expected):
    """Up to rounding, in all that is a number."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_close(found[key], value)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
    elif isinstance(expected, torch.Tensor):
        assert type(found) is torch.Tensor
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    else:
        assert found == expected


def test_a_checkpoint_goes_on_with_and_without(train, write, tmp_path):
    path = write(BY_ITERATION + SHARDED + KEEPING)
    runs = [("sharded", [], 2), ("replicated", REPLICATED, 2)]
    for name, options, ranks in runs:
        codes, texts = train(path, name, "--seed", "3", *options, ranks=ranks)
        assert codes == [0] * ranks, texts
    # The format, and the steps, are those of a run without shares.
    expected = state(tmp_path / "replicated")
    assert_close(state(tmp_path / "sharded"), expected)
    # Cut in the middle, each kind of run goes on from what the other one saved.
    for name, options, ranks, start in (
        ("replicated-then-sharded", [], 2, "replicated"),
        ("sharded-then-replicated", REPLICATED, 2, "sharded"),
        ("sharded-then-alone", [], 1, "sharded"),
    ):
        resumed = ["--seed", "3", "--resume", str(tmp_path / start / "iter_6.pth")]
        codes, texts = train(path, name, *resumed, *options, ranks=ranks)
        assert codes == [0] * ranks, texts
        if ranks == 2:
            assert_close(state(tmp_path / name), expected)
        else:  # other random numbers and smaller batches
            assert state(tmp_path / name)["place"]["iter"] == 11


@pytest.mark.parametrize(
    ("text", "number", "changes"),
    [
        (BY_ITERATION, signal.SIGKILL, []),
        pytest.param(BY_ITERATION, signal.SIGTERM, [], marks=pytest.mark.slow),
        pytest.param(BY_EPOCH, signal.SIGTERM, [], marks=pytest.mark.slow),
        pytest.param(
            BY_ITERATION,
            signal.SIGTERM,
            ["optim_wrapper.accumulative_counts=3", "train_cfg.val_interval=3"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_resumed_equals_uninterrupted(train, write, tmp_path, text, number, changes):
    options = ["--cfg-options", *changes] if changes else []
    path = write(text + SHARDED)
    check(train, tmp_path, path, number=number, done=7, ranks=2, options=options)


def test_scores_are_those_of_one_process(trained, test_tool, tmp_path):
    path, work_dir = trained
    config = tmp_path / "sharded.py"
    config.write_text(f"_base_ = [{str(path)!r}]\n{SHARDED}")
    found = []
    for ranks in (1, 2):
        place = tmp_path / str(ranks)
        arguments = [str(config), str(work_dir / "iter_4.pth"), "--work-dir"]
        arguments += [str(place), "--metrics", str(place / "scores.json")]
        codes, texts = run_ranks(test_tool.main, arguments, place, ranks=ranks)
        assert codes == [0] * ranks, texts
        found.append(json.loads((place / "scores.json").read_text())["metrics"])
    assert found[0] == found[1]
    assert found[0]["mIoU"] > 0
