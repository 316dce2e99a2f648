import pytest
import torch

from mmris.models.layers import masked_mean


@pytest.mark.parametrize("garbage", [1e4, torch.inf, torch.nan])
def test_the_mean_of_real_words_alone(garbage):
    tokens = torch.randn(2, 4, 3, dtype=torch.float64)
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    expected = torch.stack([tokens[0, :3].mean(dim=0), tokens[1, 0]])
    tokens[~mask] = garbage
    tokens.requires_grad_()
    mean = masked_mean(tokens, mask)
    torch.testing.assert_close(mean, expected)
    mean.sum().backward()
    assert torch.isfinite(tokens.grad).all()
    assert (tokens.grad[~mask] == 0).all()
