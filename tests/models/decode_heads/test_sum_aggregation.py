import pytest
import torch

from mmris.models.decode_heads import SumAggregation
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec
from tests.references.fpn import bilinear


def make_aggregation(*channels):
    levels = tuple(LevelSpec(number, 8) for number in channels)
    text = (TextSpec(3, 3),) * len(levels)
    return SumAggregation(in_features=FusedSpec(levels, text))


@pytest.mark.parametrize("num_levels", [1, 2, 5])
def test_is_the_sum_at_the_finest_size_also_with_a_level_of_images(num_levels):
    sizes = [(7, 5), (4, 5), (3, 2), (1, 2), (1, 1)][:num_levels]
    index = torch.tensor([1, 0, 1])
    mask = torch.ones(3, 2, dtype=torch.bool)
    text = TextFeatures(torch.rand(3, 2, 3), mask, torch.rand(3, 3))
    maps = [torch.randn(3, 4, *size, dtype=torch.float64) for size in sizes]
    maps[0] = maps[0][:2]
    fused = FusedFeatures(
        tuple(maps), (text,) * num_levels, index, per_image=frozenset({0})
    )
    aggregation = make_aggregation(*[4] * num_levels)
    assert aggregation.out_channels == 4
    total = aggregation(fused)
    for row, image in enumerate(index.tolist()):
        expected = maps[0][image]
        for level in maps[1:]:
            expected = expected + bilinear(level[row], (7, 5))
        torch.testing.assert_close(total[row], expected, rtol=0, atol=1e-12)


def test_levels_of_several_widths_are_refused():
    with pytest.raises(
        ValueError, match=r"decode_head.aggregation SumAggregation .* \(4, 5\) channels"
    ):
        make_aggregation(4, 5)
