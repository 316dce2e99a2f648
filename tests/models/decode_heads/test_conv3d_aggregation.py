import pytest
import torch

from mmris.models import Conv3dAggregation
from mmris.structures import FusedSpec, LevelSpec, TextSpec
from tests.models.decode_heads.shnet_levels import (
    EQUAL,
    FALLING,
    enliven,
    expanded,
    make_fused,
    make_spec,
    rows_of,
    single_row,
)
from tests.references.shnet_levels import conv3d


def make_aggregation(num_levels=3, **changes):
    spec = make_spec(num_levels)
    return enliven(Conv3dAggregation(in_features=spec, **changes))


def agrees(aggregation, fused):
    """Whether the map is that of a loop over the slices of the kernel."""
    joint = aggregation(fused)
    return all(
        torch.allclose(joint[row], conv3d(aggregation, maps), rtol=0, atol=1e-11)
        for row, (maps, _) in enumerate(rows_of(fused))
    )


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:1], FALLING + [(1, 1)] * 2])
def test_equals_one_slice_a_level(sizes):
    aggregation = make_aggregation(len(sizes), channels=6)
    fused = make_fused(sizes)
    assert aggregation(fused).shape == (2, 6, *sizes[0])
    assert agrees(aggregation, fused)


def test_width_of_the_levels_unless_told_otherwise():
    assert make_aggregation().out_channels == 4
    assert make_aggregation(channels=6).out_channels == 6


def test_a_level_of_images_is_as_good_as_its_expansion():
    aggregation = make_aggregation()
    fused = make_fused(FALLING, rows=3, per_image=frozenset({0}))
    torch.testing.assert_close(aggregation(fused), aggregation(expanded(fused)))


def test_batched_equals_single():
    aggregation, fused = make_aggregation(), make_fused(FALLING)
    for row in range(2):
        single = aggregation(single_row(fused, row))
        torch.testing.assert_close(single[0], aggregation(fused)[row])


def test_every_parameter_has_a_gradient():
    aggregation, fused = make_aggregation().train(), make_fused(EQUAL)
    aggregation(fused).square().sum().backward()
    for name, parameter in aggregation.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        if name != "conv.bias":  # lost in the normalisation
            assert parameter.grad.abs().max() > 1e-9, name


def test_levels_of_several_widths_are_refused():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(6, 16)), (TextSpec(3, 3),) * 2)
    with pytest.raises(ValueError, match=r"aggregation Conv3dAggregation.*\(4, 6\)"):
        Conv3dAggregation(in_features=spec)
