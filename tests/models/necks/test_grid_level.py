import pytest
import torch

from mmris.models.necks._grid_level import GridLevel
from tests.references.synchronous_fusion import to_grid


def make_grid(size):
    torch.manual_seed(0)
    grid = GridLevel(in_channels=4, channels=3, grid_size=size).double().eval()
    grid.norm.running_mean.normal_()
    grid.norm.running_var.uniform_(0.5, 2)
    return grid


# Smaller and larger than the grid and its double, of both kinds along the two axes.
@pytest.mark.parametrize(
    "level", [(3, 4), (6, 8), (2, 3), (4, 5), (5, 7), (11, 13), (3, 9), (1, 1)]
)
def test_equals_pooling_and_convolution(level):
    grid = make_grid((3, 4))
    maps = torch.randn(2, 4, *level, dtype=torch.float64)
    for row, found in zip(maps, grid(maps)):
        assert found.shape == (3, 3, 4)
        torch.testing.assert_close(found, to_grid(grid, row), rtol=0, atol=1e-12)


def test_a_level_of_the_size_of_the_grid_is_neither_enlarged_nor_treated_otherwise():
    grid = make_grid((3, 5))
    maps = torch.randn(2, 4, 3, 5, dtype=torch.float64)
    enlarged = maps.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    parameters = list(grid.parameters())
    seed = torch.randn(2, 3, 3, 5, dtype=torch.float64)
    one, other = (
        torch.autograd.grad((grid(level) * seed).sum(), parameters)
        for level in (maps, enlarged)
    )
    for first, second in zip(one, other):
        assert first.abs().sum() > 0
        torch.testing.assert_close(first, second, rtol=0, atol=1e-12)
    pooled = []
    grid.pool.register_forward_hook(lambda *_: pooled.append(True))
    torch.testing.assert_close(grid(maps), grid(enlarged), rtol=0, atol=1e-12)
    assert len(pooled) == 1
