import torch

from mmris.models.layers import at_least_float32, unit_length


def test_length_is_one_along_the_axis_and_zero_stays():
    features = torch.randn(3, 4, 5) * 100
    features[1, :, 2] = 0
    norms = unit_length(features, dim=1).norm(dim=1)
    expected = torch.ones(3, 5)
    expected[1, 2] = 0
    torch.testing.assert_close(norms, expected)


def test_zero_has_a_finite_gradient():
    features = torch.zeros(2, 3, requires_grad=True)
    unit_length(features, dim=1).sum().backward()
    assert torch.isfinite(features.grad).all()


def test_short_numbers_become_longer_and_long_ones_stay():
    for given, wanted in (
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ):
        features = torch.tensor([[3.0, 4.0]], dtype=given)
        assert at_least_float32(features).dtype == wanted
        result = unit_length(features, dim=1)
        assert result.dtype == wanted
        torch.testing.assert_close(result, torch.tensor([[0.6, 0.8]], dtype=wanted))
