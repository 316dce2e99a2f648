import pytest
import torch

from mmris.models.layers import pointwise


@pytest.mark.parametrize("bias", [None, torch.randn(3).double()])
def test_equals_the_product_at_every_position(bias):
    features, large = torch.randn(2, 4, 5).double(), torch.randn(3, 7).double()
    _, weight = large.split([3, 4], dim=1)  # columns of a larger weight
    mixed = pointwise(features, weight, bias)
    for row in range(2):
        for position in range(5):
            expected = weight @ features[row, :, position]
            expected = expected if bias is None else expected + bias
            torch.testing.assert_close(mixed[row, :, position], expected)
