import pytest
import torch

from mmris.models.necks._sinusoids import cell_positions, word_positions
from tests.references.synchronous_fusion import positions

DOUBLE = torch.empty(0, dtype=torch.float64)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (6, 2)])
def test_equals_the_formula_at_any_size(height, width):
    cells = cell_positions(height, width, 12, like=DOUBLE)
    words = word_positions(7, 12, like=DOUBLE)
    expected = positions(height, width, 7, 12)
    joint = torch.cat([cells, words])
    torch.testing.assert_close(joint, expected, rtol=0, atol=1e-12)


def test_columns_are_in_the_first_half_and_rows_in_the_second():
    cells = cell_positions(3, 5, 8, like=DOUBLE).view(3, 5, 8)
    assert torch.equal(cells[0, :, :4], cells[2, :, :4])
    assert torch.equal(cells[:, 0, 4:], cells[:, 4, 4:])
    assert not torch.equal(cells[0, 0, :4], cells[0, 1, :4])
    assert not torch.equal(cells[0, 0, 4:], cells[1, 0, 4:])


def test_a_coarse_type_still_tells_far_positions_apart():
    words = word_positions(400, 512, like=torch.empty(0, dtype=torch.bfloat16))
    assert words.dtype == torch.bfloat16
    exact = word_positions(400, 512, like=DOUBLE)
    torch.testing.assert_close(words.double(), exact, rtol=0, atol=0.005)
