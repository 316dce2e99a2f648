import pytest
import torch
from mmengine.config import Config

from mmris.benchmark import Effort, build_model, build_random_model
from mmris.benchmark.growth import exponent, measure_neck
from tests.conftest import REPOSITORY
from tests.load_tool import load_tool

DEVICE = torch.device("cpu")


def test_a_power_is_found_again():
    sizes = [100.0, 400.0, 1600.0]
    assert exponent(sizes, [3e-5 * size**2 for size in sizes]) == pytest.approx(2)
    assert exponent(sizes, [7.0, 7.0, 7.0]) == pytest.approx(0)
    noisy = exponent([1.0, 2.0, 4.0], [1.0, 2.2, 3.8])
    assert noisy == pytest.approx(0.963, abs=1e-3)


@pytest.mark.parametrize("values", [[1.0, 0.0], [1.0, -2.0]])
def test_no_growth_without_positive_values(values):
    with pytest.raises(ValueError, match="no growth can be read"):
        exponent([1.0, 2.0], values)


def test_no_growth_from_one_size():
    with pytest.raises(ValueError, match="two different sizes"):
        exponent([2.0, 2.0], [1.0, 3.0])


@pytest.mark.parametrize("method", ["cmsa", "cefnet"])
def test_work_is_that_of_the_neck_without_the_backbone(method):
    """As counted without doing it, by another way."""
    config = Config.fromfile(REPOSITORY / f"configs/{method}/{method}_tiny_shapes.py")
    model = build_random_model(config, size=(64, 64), device=DEVICE)
    point = measure_neck(
        model,
        name=method,
        size=(128, 64),
        words=4,
        device=DEVICE,
        effort=Effort(rounds=1, warm_up=0),
    )
    count = load_tool("analysis_tools/count_work")
    expected = count.of_neck(
        build_model(config, device=torch.device("meta")), count.Case((128, 64), 1, 4)
    )
    assert point.gflop == pytest.approx(expected, rel=1e-6)
    assert (point.config, point.size, point.words) == (method, (128, 64), 4)
