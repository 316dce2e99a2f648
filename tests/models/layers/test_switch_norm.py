import pytest
import torch
from torch.nn import functional

from mmris.models.layers import SwitchNorm2d
from tests.models.jmceln_parts import assert_close, assert_gradients, enliven
from tests.references.joint_mask_contextual_embedding import switch_norm as printed


def make_norm(channels=4, cls=SwitchNorm2d):
    return enliven(cls(channels))


def make_maps(rows=3, channels=4, size=(5, 3)):
    torch.manual_seed(1)
    scale = torch.rand(rows, channels, 1, 1, dtype=torch.float64) + 0.5
    maps = torch.randn(rows, channels, *size, dtype=torch.float64)
    return maps * scale + 2 * torch.randn_like(scale)


def agrees(norm, maps, *, training):
    """Whether the result is that of the loops, and in training the averages, too."""
    with torch.no_grad():
        expected = torch.stack(printed(norm, list(maps), training=training))
        before = norm.running_mean.clone(), norm.running_var.clone()
        result = norm.train(training)(maps)
    same = torch.allclose(result, expected, rtol=0, atol=1e-10)
    mean = maps.mean(dim=(0, 2, 3))
    unbiased = maps.var(dim=(2, 3), correction=min(1, maps[0, 0].numel() - 1))
    square = (unbiased + maps.mean(dim=(2, 3)) ** 2).mean(dim=0)
    share = 0.1 if training else 0.0
    for found, old, new in (
        (norm.running_mean, before[0], mean),
        (norm.running_var, before[1], square - mean**2),
    ):
        wanted = (1 - share) * old + share * new
        same = same and torch.allclose(found, wanted, rtol=0, atol=1e-10)
    return same


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(5, 3), (1, 7), (1, 1)])
@pytest.mark.parametrize("rows", [1, 3])
def test_equals_the_loops(rows, size, training):
    assert agrees(make_norm(), make_maps(rows=rows, size=size), training=training)


def test_one_channel():
    assert agrees(make_norm(1), make_maps(channels=1), training=True)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_each_kind_alone_is_the_textbook_normalisation(kind):
    """But for the unbiased variance, which only many positions hide."""
    norm, maps = SwitchNorm2d(4).double(), make_maps(size=(60, 70))
    with torch.no_grad():
        for weight in (norm.mean_weight, norm.var_weight):
            weight.fill_(-1000.0)
            weight[kind] = 0.0
    expected = (
        functional.instance_norm(maps),
        functional.layer_norm(maps, maps.shape[1:]),
        functional.batch_norm(maps, None, None, training=True),
    )[kind]
    torch.testing.assert_close(norm(maps), expected, rtol=0, atol=2e-3)
    for other in range(3):
        if other != kind:
            wrong = SwitchNorm2d(4).double()
            wrong.mean_weight.data.fill_(-1000.0)
            wrong.mean_weight.data[other] = 0.0
            assert (wrong(maps) - expected).abs().max() > 0.1


def test_starts_as_an_equal_mixture_with_averages_of_zero():
    norm = SwitchNorm2d(4)
    for weight in (norm.mean_weight, norm.var_weight):
        assert torch.equal(weight, torch.ones(3))
    for average in (norm.running_mean, norm.running_var):
        assert torch.equal(average, torch.zeros(4))
    assert torch.equal(norm.weight, torch.ones(4))


def test_in_evaluation_before_any_training_instance_and_layer_carry_the_variance():
    norm, maps = SwitchNorm2d(4).double().eval(), make_maps()
    result = norm(maps)
    assert torch.isfinite(result).all()
    expected = torch.stack(printed(norm, list(maps), training=False))
    assert_close(result, expected)
    # The batch's variance counts as 0: the rest is too small by a third at most.
    assert 1 < result.var() < 3


def test_averages_forget_their_start():
    norm, maps = SwitchNorm2d(4).double(), make_maps()
    for _ in range(50):
        norm(maps)
    mean = maps.mean(dim=(0, 2, 3))
    torch.testing.assert_close(norm.running_mean, mean * (1 - 0.9**50))


def test_evaluation_is_row_by_row():
    norm, maps = make_norm(), make_maps()
    together = norm(maps)
    for row in range(3):
        assert_close(norm(maps[row : row + 1])[0], together[row])


@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_has_a_gradient(training):
    norm, maps = make_norm().train(training), make_maps().requires_grad_()
    assert_gradients(norm, norm(maps))
    assert torch.isfinite(maps.grad).all()
    assert maps.grad.abs().max() > 0


@pytest.mark.parametrize("size", [(1, 1), (3, 2)])
def test_a_constant_map_has_a_finite_gradient(size):
    norm = SwitchNorm2d(4)
    maps = torch.full((2, 4, *size), 3.0, requires_grad=True)
    norm(maps).square().sum().backward()
    assert torch.isfinite(maps.grad).all()


def test_a_large_mean_leaves_the_variance_exact():
    """In float32, where the difference of two squares would be nothing but rounding."""
    maps = make_maps(size=(40, 40)).float() + 3000.0
    norm = SwitchNorm2d(4)
    exact = SwitchNorm2d(4).double()(maps.double())
    torch.testing.assert_close(norm(maps).double(), exact, rtol=0, atol=5e-3)


def test_single_precision_under_autocast():
    norm, maps = make_norm().float(), make_maps().float()
    with torch.no_grad():
        exact = norm(maps)
        with torch.autocast("cpu", torch.bfloat16):
            result = norm(maps.bfloat16())
    assert result.dtype == torch.float32
    assert (result - exact).abs().max() < 0.05 * exact.abs().max()


def test_compiled_is_the_same():
    norm, maps = make_norm().train(), make_maps()
    compiled = torch.compile(make_norm().train(), backend="aot_eager", fullgraph=True)
    assert_close(compiled(maps), norm(maps))
    assert_close(compiled.running_var, norm.running_var)
