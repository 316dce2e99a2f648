"""Two processes with half of each batch make the steps of one with whole batches."""

import pytest
import torch

from tests.distributed.ranks import run_jobs
from tests.distributed.small_training import NumbersModel

TRAIN = "tests.distributed.small_training:train"
HALF = {"train_dataloader.batch_size": 2}
CLIP = {"optim_wrapper.clip_grad": {"max_norm": 0.3}}
AMP = {"optim_wrapper.type": "MixedPrecisionOptimWrapper"}
AVERAGE = {"custom_hooks": [{"type": "EMAHook", "momentum": 0.3}]}
SHARDED = {
    "model_wrapper_cfg": {"type": "ShardedModel", "modules": ["first", "last"]},
    # For those that wait where another one failed.
    "env_cfg": {"dist_cfg": {"timeout": 60}},
}
LARGEST = {"optim_wrapper.clip_grad": {"max_norm": 0.3, "norm_type": float("inf")}}
DECAY = {
    "optim_wrapper.optimizer": {
        "_delete_": True, "type": "AdamW", "lr": 0.02, "weight_decay": 0.1
    }
}  # fmt: skip
# Name: processes, options of the config, arguments of train.
JOBS = {
    "one": (1, {}, {}),
    "two": (2, HALF, {}),
    "two that look for nothing": (
        2,
        {
            **HALF,
            "find_unused_parameters": False,
            # For the one that does not fail and waits for the other.
            "env_cfg": {"dist_cfg": {"timeout": 3}},
        },
        {},
    ),
    "accumulating": (
        2, {"train_dataloader.batch_size": 1, "optim_wrapper.accumulative_counts": 2},
        {},
    ),
    "one, clipped": (1, CLIP, {}),
    "two, clipped": (2, {**HALF, **CLIP}, {}),
    "one, mixed precision": (1, AMP, {}),
    "two, mixed precision": (2, {**HALF, **AMP}, {}),
    "one, averaged": (1, AVERAGE, {}),
    "two, averaged": (2, {**HALF, **AVERAGE}, {}),
    "sharded": (2, {**HALF, **SHARDED}, {}),
    "sharded, accumulating": (
        2,
        {
            **SHARDED,
            "train_dataloader.batch_size": 1,
            "optim_wrapper.accumulative_counts": 2,
        },
        {},
    ),
    "sharded, clipped": (2, {**HALF, **SHARDED, **CLIP}, {}),
    "one, clipped by the largest": (1, LARGEST, {}),
    "sharded, clipped by the largest": (2, {**HALF, **SHARDED, **LARGEST}, {}),
    "sharded, mixed precision": (2, {**HALF, **SHARDED, **AMP}, {}),
    "sharded, averaged": (2, {**HALF, **SHARDED, **AVERAGE}, {}),
    "one, decaying": (1, DECAY, {}),
    "sharded, decaying": (2, {**HALF, **SHARDED, **DECAY}, {}),
    "as many samples": (2, HALF, {"auto_scale_lr": True}),
    "twice as many": (2, {}, {"auto_scale_lr": True}),
    "six times as many": (
        2, {"train_dataloader.batch_size": 4, "optim_wrapper.accumulative_counts": 3},
        {"auto_scale_lr": True},
    ),
    "of a base": (
        2, {**HALF, "auto_scale_lr": {"base_batch_size": 16}}, {"auto_scale_lr": True}
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    jobs = [
        (TRAIN, processes, {"options": options, **more})
        for processes, options, more in JOBS.values()
    ]
    found = run_jobs(tmp_path_factory.mktemp("jobs"), jobs)
    return dict(zip(JOBS, found, strict=True))


def weights(result):
    assert isinstance(result, dict), result
    return result["weights"]


def untrained():
    model = NumbersModel()
    model.init_weights()
    return model.state_dict()


def assert_same(found, expected, tolerance=1e-6):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=tolerance, atol=tolerance, msg=name
        )


def largest_difference(first, second):
    return max(float((first[k] - second[k]).abs().max()) for k in first)


@pytest.mark.parametrize(
    ("one", "two", "tolerance"),
    [
        ("one", "two", 1e-6),
        ("one", "accumulating", 1e-6),
        ("one, clipped", "two, clipped", 1e-6),
        ("one, mixed precision", "two, mixed precision", 2e-3),
        ("one, averaged", "two, averaged", 1e-6),
        ("one", "sharded", 1e-6),
        ("one", "sharded, accumulating", 1e-6),
        ("one, clipped", "sharded, clipped", 1e-6),
        ("one, clipped by the largest", "sharded, clipped by the largest", 1e-6),
        ("one, mixed precision", "sharded, mixed precision", 2e-3),
        ("one, averaged", "sharded, averaged", 1e-6),
        # By the root of small squares, which grows what rounding leaves.
        ("one, decaying", "sharded, decaying", 1e-4),
    ],
)
def test_two_processes_train_as_one(results, one, two, tolerance):
    expected = weights(results[one][0])
    for result in results[two]:
        assert_same(weights(result), expected, tolerance)


@pytest.mark.parametrize("name", ["two", "sharded", "sharded, decaying"])
def test_parameters_that_only_some_processes_use(results, name):
    start = untrained()
    trained = weights(results[name][0])
    assert torch.equal(trained["never.weight"], start["never.weight"])
    for key in ("first.weight", "sometimes.weight", "last.weight"):
        assert not torch.equal(trained[key], start[key]), key


def test_without_looking_for_them_the_second_iteration_fails(results):
    for result in results["two that look for nothing"]:
        assert "Expected to have finished reduction" in result


def test_clipping_is_by_the_norm_of_the_gradient_of_all(results):
    assert (
        largest_difference(
            weights(results["two"][0]), weights(results["two, clipped"][0])
        )
        > 1e-3
    )
    for how in ("clipped", "clipped by the largest"):
        one, *others = (
            results[f"{name}, {how}"][0]
            for name in ("one", "two", "sharded")
            if f"{name}, {how}" in JOBS
        )
        assert max(one["grad_norms"]) > 0.3
        for other in others:
            assert other["grad_norms"] == pytest.approx(one["grad_norms"], rel=1e-3)


def test_each_process_keeps_a_share(results):
    kept = [result["kept"] for result in results["sharded"]]
    count = sum(value.numel() for value in untrained().values())
    assert sum(kept) == count
    assert max(kept) < 0.6 * count
    assert results["two"][0]["kept"] == count


def test_mixed_precision_is_mixed_precision(results):
    difference = largest_difference(
        weights(results["two"][0]), weights(results["two, mixed precision"][0])
    )
    assert 1e-5 < difference < 0.1


def test_averages_are_those_of_one_process(results):
    (expected,) = results["one, averaged"][0]["average"]
    assert largest_difference(expected, weights(results["one, averaged"][0])) > 1e-3
    for name in ("two, averaged", "sharded, averaged"):
        for result in results[name]:
            assert_same(result["average"][0], expected)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("two", 1),
        ("as many samples", 1),
        ("twice as many", 2),
        ("six times as many", 6),
        ("of a base", 0.25),
    ],
)
def test_learning_rates_are_scaled_on_request(results, name, factor):
    for result in results[name]:
        assert isinstance(result, dict), result
        assert result["lr"] == pytest.approx(0.02 * factor)
