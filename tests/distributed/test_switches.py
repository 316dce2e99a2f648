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
    ],
)
def test_two_processes_train_as_one(results, one, two, tolerance):
    expected = weights(results[one][0])
    for result in results[two]:
        assert_same(weights(result), expected, tolerance)


def test_parameters_that_only_some_processes_use(results):
    start = untrained()
    trained = weights(results["two"][0])
    assert torch.equal(trained["never.weight"], start["never.weight"])
    for name in ("first.weight", "sometimes.weight", "last.weight"):
        assert not torch.equal(trained[name], start[name]), name
    # Without looking for them the second iteration fails.
    for result in results["two that look for nothing"]:
        assert "Expected to have finished reduction" in result


def test_clipping_is_by_the_norm_of_the_gradient_of_all(results):
    assert (
        largest_difference(
            weights(results["two"][0]), weights(results["two, clipped"][0])
        )
        > 1e-3
    )
    one, two = (results[f"{number}, clipped"][0] for number in ("one", "two"))
    assert max(one["grad_norms"]) > 0.3
    assert two["grad_norms"] == pytest.approx(one["grad_norms"], rel=1e-3)


def test_mixed_precision_is_mixed_precision(results):
    difference = largest_difference(
        weights(results["two"][0]), weights(results["two, mixed precision"][0])
    )
    assert 1e-5 < difference < 0.1


def test_averages_are_those_of_one_process(results):
    (expected,) = results["one, averaged"][0]["average"]
    assert largest_difference(expected, weights(results["one, averaged"][0])) > 1e-3
    for result in results["two, averaged"]:
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
