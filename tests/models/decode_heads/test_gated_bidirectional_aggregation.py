import pytest
import torch

from mmris.models import GatedBidirectionalAggregation
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextSpec
from tests.models.decode_heads.shnet_levels import (
    EQUAL,
    FALLING,
    enliven,
    expanded,
    make_fused,
    make_spec,
    rows_of,
    single_row,
    with_garbage,
)
from tests.references.shnet_levels import bidirectional


def make_aggregation(num_levels=3):
    return enliven(GatedBidirectionalAggregation(in_features=make_spec(num_levels)))


def agrees(aggregation, fused):
    """Whether the map is that of the merges written out, words tiled."""
    joint = aggregation(fused)
    return all(
        torch.allclose(
            joint[row], bidirectional(aggregation, maps, words), rtol=0, atol=1e-11
        )
        for row, (maps, words) in enumerate(rows_of(fused))
    )


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, [(1, 1)] * 3])
def test_equals_the_merges_written_out(sizes):
    aggregation, fused = make_aggregation(), make_fused(sizes)
    assert aggregation(fused).shape == (2, 4, *sizes[0])
    assert aggregation.out_channels == 4
    assert agrees(aggregation, fused)


def test_both_ends_are_alike():
    aggregation, fused = make_aggregation(), make_fused(EQUAL)
    turned = FusedFeatures(fused.maps[::-1], fused.text[::-1], fused.image_index)
    torch.testing.assert_close(aggregation(fused), aggregation(turned))


@pytest.mark.parametrize("num_levels", [1, 2, 5])
def test_any_number_of_levels(num_levels):
    aggregation = make_aggregation(num_levels)
    fused = make_fused((FALLING + [(1, 1)] * 2)[:num_levels])
    assert aggregation(fused).shape == (2, 4, 7, 5)
    assert (aggregation.gate is None) == (num_levels == 1)


@pytest.mark.parametrize("garbage", [1e4, torch.inf, torch.nan])
def test_what_stands_in_padding_does_not_matter(garbage):
    aggregation, fused = make_aggregation(), make_fused(EQUAL)
    noisy = aggregation(with_garbage(fused, garbage))
    assert torch.equal(noisy, aggregation(fused))


def test_a_level_of_images_is_as_good_as_its_expansion():
    aggregation = make_aggregation()
    fused = make_fused(FALLING, rows=3, per_image=frozenset({0}))
    torch.testing.assert_close(aggregation(fused), aggregation(expanded(fused)))


def test_batched_equals_single():
    aggregation, fused = make_aggregation(), make_fused(FALLING)
    for row in range(2):
        single = aggregation(single_row(fused, row))
        torch.testing.assert_close(single[0], aggregation(fused)[row])


@pytest.mark.parametrize("num_levels", [1, 3])
def test_every_parameter_has_a_gradient(num_levels):
    aggregation, fused = make_aggregation(num_levels), make_fused(EQUAL[:num_levels])
    aggregation(fused).square().sum().backward()
    for name, parameter in aggregation.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-9, name


def test_levels_of_several_widths_are_refused():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(6, 16)), (TextSpec(3, 3),) * 2)
    with pytest.raises(ValueError, match=r"GatedBidirectionalAggregation.*\(4, 6\)"):
        GatedBidirectionalAggregation(in_features=spec)


def test_words_of_several_widths_are_refused():
    spec = FusedSpec((LevelSpec(4, 8),) * 2, (TextSpec(3, 3), TextSpec(5, 3)))
    with pytest.raises(ValueError, match=r"words of all levels .* \(3, 5\) channels"):
        GatedBidirectionalAggregation(in_features=spec)
