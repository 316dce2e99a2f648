import pytest
import torch

from mmris.models.decode_heads.boundary_enhancement_transformer import (
    SpatialTransformer,
)
from tests.models.decode_heads.cefnet_levels import enliven
from tests.references import boundary_enhancement as reference

SIZES = [(5, 4), (3, 7), (1, 6), (4, 1), (2, 2), (1, 1)]


def make_transformer():
    return enliven(SpatialTransformer(channels=3))


def make_map(size, rows=2):
    torch.manual_seed(2)
    return torch.randn(rows, 3, *size, dtype=torch.float64)


def agrees(transformer, features):
    """Whether maps, results and their gradients are those of the loops."""
    features = features.clone().requires_grad_()
    theta = transformer.theta(features)
    result = transformer(features)
    matrices = [reference.theta(transformer, row) for row in features]
    rows = [
        reference.sample(row, matrix)
        for row, matrix in zip(features, matrices, strict=True)
    ]
    expected = torch.stack(rows)
    if not (
        torch.allclose(theta, torch.stack(matrices), rtol=0, atol=1e-12)
        and torch.allclose(result, expected, rtol=0, atol=1e-11)
    ):
        return False
    weight = torch.randn_like(expected)
    watched = [features, transformer.mix.weight, transformer.hidden.weight]
    wanted = torch.autograd.grad((expected * weight).sum(), watched)
    found = torch.autograd.grad((result * weight).sum(), watched, allow_unused=True)
    return all(
        one is not None and torch.allclose(one, other, rtol=0, atol=1e-10)
        for one, other in zip(found, wanted, strict=True)
    )


@pytest.mark.parametrize("size", SIZES)
def test_equals_convolution_mean_and_sampling_by_hand(size):
    transformer, features = make_transformer(), make_map(size)
    # Far from the identity: the comparison is one of something.
    if min(size) > 1:
        assert (transformer(features) - features).abs().max() > 0.1
    assert agrees(transformer, features)


@pytest.mark.parametrize(("channel", "offset"), [(2, (0, 1)), (5, (1, 0))])
def test_shifts_by_one_position_along_each_axis(channel, offset):
    size = (5, 4)
    transformer, features = SpatialTransformer(channels=3).double(), make_map(size)
    with torch.no_grad():  # x is the column, y the row; the whole map is 2 long
        transformer.delta.bias[channel] = 2 / size[0 if offset[0] else 1]
    expected = torch.zeros_like(features)
    down, right = offset
    moved = features[:, :, down:, right:]
    expected[:, :, : size[0] - down, : size[1] - right] = moved
    torch.testing.assert_close(transformer(features), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-4), (None, 1e-12)])
def test_starts_as_the_identity(dtype, bound):
    transformer = SpatialTransformer(channels=3).to(dtype or torch.float64)
    features = torch.randn(2, 3, 96, 80, dtype=dtype or torch.float64)
    assert (transformer(features) - features).abs().max() < bound
    # At this point only the last layer learns.
    (transformer(features) * torch.randn_like(features)).sum().backward()
    learning = {
        name
        for name, parameter in transformer.named_parameters()
        if parameter.grad.abs().max() > 0
    }
    assert learning == {"delta.weight", "delta.bias"}


def test_decayed_parameters_lead_to_the_identity_and_not_to_a_zoom():
    transformer, features = make_transformer(), make_map((5, 4))
    before = (transformer.theta(features) - torch.eye(2, 3)).abs().max()
    with torch.no_grad():
        for parameter in transformer.parameters():
            parameter.zero_()
    assert before > 0.1
    assert torch.equal(
        transformer.theta(features), torch.eye(2, 3).double().expand(2, 2, 3)
    )


def test_every_parameter_has_a_gradient():
    transformer = make_transformer().train()
    features = make_map((9, 8), rows=3)
    (transformer(features) * torch.randn_like(features)).sum().backward()
    for name, parameter in transformer.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-9, name


def test_under_autocast_the_map_and_the_sampling_keep_float32(monkeypatch):
    transformer = make_transformer().float()
    features = make_map((40, 30)).float()
    seen = []
    original = torch.nn.functional.grid_sample

    def watched(maps, grid, **options):
        seen.append((maps.dtype, grid.dtype))
        return original(maps, grid, **options)

    monkeypatch.setattr(torch.nn.functional, "grid_sample", watched)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theta = transformer.theta(features)
        result = transformer(features.bfloat16())
    assert theta.dtype == result.dtype == torch.float32
    assert seen == [(torch.float32, torch.float32)]
    # The depthwise convolutions are short; a hundredth of half the map is 0.2 columns.
    torch.testing.assert_close(theta, transformer.theta(features), rtol=0, atol=1e-2)
    transformer.delta.weight.data.zero_()
    transformer.delta.bias.data.zero_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        kept = transformer(features)
    torch.testing.assert_close(kept, features, rtol=0, atol=1e-4)
