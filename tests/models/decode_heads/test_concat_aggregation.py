from types import SimpleNamespace

import pytest
import torch

from mmris.models import ConcatAggregation
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
    with_garbage,
)
from tests.references.shnet_levels import concatenated


def make_aggregation(num_levels=3):
    return enliven(ConcatAggregation(in_features=make_spec(num_levels), channels=5))


def agrees(aggregation, fused):
    """Whether the map is that of a loop over the places."""
    joint = aggregation(fused)
    return all(
        torch.allclose(
            joint[row], concatenated(aggregation, maps, words), rtol=0, atol=1e-11
        )
        for row, (maps, words) in enumerate(rows_of(fused))
    )


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:1]])
def test_equals_a_loop_over_the_places(sizes):
    aggregation, fused = make_aggregation(len(sizes)), make_fused(sizes)
    assert aggregation.out_channels == 5 + 6
    assert aggregation(fused).shape == (2, 11, *sizes[0])
    assert agrees(aggregation, fused)


def test_levels_may_have_any_widths():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(7, 16)), (TextSpec(3, 2),) * 2)
    aggregation = ConcatAggregation(in_features=spec, channels=5)
    assert aggregation.mix.in_channels == 11
    assert aggregation.out_channels == 8


def test_levels_of_images_are_as_good_as_their_expansion():
    aggregation = make_aggregation()
    fused = make_fused(FALLING, rows=3, per_image=frozenset({0, 1, 2}))
    torch.testing.assert_close(aggregation(fused), aggregation(expanded(fused)))


@pytest.mark.parametrize("value", [1e4, float("nan")])
def test_padding_changes_nothing(value):
    aggregation, fused = make_aggregation(), make_fused(FALLING)
    other = aggregation(with_garbage(fused, value))
    assert torch.equal(aggregation(fused), other)


def test_batched_equals_single():
    aggregation, fused = make_aggregation(), make_fused(FALLING)
    for row in range(2):
        single = aggregation(single_row(fused, row))
        torch.testing.assert_close(single[0], aggregation(fused)[row])


def test_every_parameter_has_a_gradient():
    aggregation = make_aggregation().train()
    aggregation(make_fused(EQUAL)).square().sum().backward()
    for name, parameter in aggregation.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-9, name


def test_seeded_bugs_are_found(monkeypatch):
    module = "mmris.models.decode_heads.concat_aggregation"
    aggregation = make_aggregation()
    fused = make_fused(FALLING)
    bugs = {
        "masked_mean": lambda tokens, mask: tokens.mean(dim=1),  # padding counts
        "torch": SimpleNamespace(cat=lambda parts, dim: torch.cat(parts[::-1], dim)),
        "resize_to": lambda level, size: torch.nn.functional.interpolate(
            level, size, mode="nearest"
        ),
    }
    for name, bug in bugs.items():
        with monkeypatch.context() as patch:
            patch.setattr(f"{module}.{name}", bug)
            assert not agrees(aggregation, fused), name
