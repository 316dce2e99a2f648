import pytest
import torch
from torch.nn import functional

from mmris.models.layers import cell_maxima, cell_means

SIZES = [
    ((12, 16), (24, 24)),
    ((48, 48), (24, 24)),
    ((13, 7), (4, 5)),
    ((5, 9), (8, 8)),
    ((3, 3), (1, 1)),
    ((20, 31), (6, 6)),
]


@pytest.mark.parametrize(("size", "cells"), SIZES)
def test_cells_are_those_of_pytorch(size, cells):
    maps = torch.randn(2, 3, *size)
    expected = functional.adaptive_max_pool2d(maps, cells)
    assert torch.equal(cell_maxima(maps, cells), expected)
    expected = functional.adaptive_avg_pool2d(maps, cells)
    torch.testing.assert_close(cell_means(maps, cells), expected)
