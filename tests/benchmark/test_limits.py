import pytest
import torch

from mmris.benchmark import Limits, Work, measure_limits


def test_least_times():
    limits = Limits({"fp32": 200.0, "bf16": 400.0}, 10.0)
    work = Work(gflop=50.0, gigabytes=1.5)
    assert limits.least_milliseconds(work, "fp32") == pytest.approx((250.0, 150.0))
    assert limits.least_milliseconds(work, "bf16") == pytest.approx((125.0, 150.0))


def test_a_machine_has_limits():
    limits = measure_limits(torch.device("cpu"), ["fp32"])
    assert list(limits.gflops) == ["fp32"]
    # No machine that runs this is slower than 10^8 or faster than 10^15 a second.
    assert 0.1 < limits.gflops["fp32"] < 1e6
    assert 0.01 < limits.gigabytes < 1e5
