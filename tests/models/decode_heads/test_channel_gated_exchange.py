import pytest
import torch

from mmris.models import ChannelGatedExchange
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
from tests.references.shnet_levels import channel_gated


def make_exchange(num_levels=3):
    return enliven(ChannelGatedExchange(in_features=make_spec(num_levels)))


def agrees(exchange, fused):
    """Whether all levels are those of the loops over positions."""
    result = exchange(fused)
    return all(
        torch.allclose(result.maps[level][row], wanted, rtol=0, atol=1e-12)
        for row, (maps, _) in enumerate(rows_of(fused))
        for level, wanted in enumerate(channel_gated(exchange, maps))
    )


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:2], EQUAL[:1]])
def test_equals_the_loops(sizes):
    exchange, fused = make_exchange(len(sizes)), make_fused(sizes)
    assert agrees(exchange, fused)
    assert exchange(fused).text == fused.text
    assert exchange.spec == exchange.in_features


def test_closed_and_open_gates():
    exchange, fused = make_exchange(), make_fused(EQUAL)
    bias = torch.zeros(3, 4, dtype=torch.float64)
    with torch.no_grad():
        for conv in exchange.convs:
            conv.weight.zero_()
            conv.bias.copy_(bias.index_fill(0, torch.tensor(2), -200).flatten())
    for level in range(3):  # a closed reset gate leaves the level
        torch.testing.assert_close(exchange(fused)[level], fused[level])
    with torch.no_grad():
        for conv in exchange.convs:
            conv.bias.copy_(bias.index_fill(0, torch.tensor([1, 2]), 200).flatten())
    others = torch.tanh((fused[1] + fused[2]) / 2)
    torch.testing.assert_close(exchange(fused)[0], others)


def test_a_level_of_images_is_as_good_as_its_expansion():
    exchange = make_exchange()
    fused = make_fused(FALLING, rows=3, per_image=frozenset({0}))
    result, expected = exchange(fused), exchange(expanded(fused))
    assert result.per_image == frozenset()
    for level in range(3):
        torch.testing.assert_close(result[level], expected[level])


def test_batched_equals_single():
    exchange, fused = make_exchange(), make_fused(FALLING)
    for row in range(2):
        single = exchange(single_row(fused, row))
        for level in range(3):
            torch.testing.assert_close(single[level][0], exchange(fused)[level][row])


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:1]])
def test_every_parameter_has_a_gradient(sizes):
    exchange, fused = make_exchange(len(sizes)), make_fused(sizes)
    sum(level.square().sum() for level in exchange(fused).maps).backward()
    for name, parameter in exchange.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert (
            (
                parameter.grad.flatten(1)
                if parameter.ndim > 1
                else parameter.grad[:, None]
            )
            .abs()
            .sum(dim=1)
            .gt(0)
            .all()
        ), name


def test_levels_of_several_widths_are_refused():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(6, 16)), (TextSpec(3, 3),) * 2)
    with pytest.raises(ValueError, match=r"exchange ChannelGatedExchange.*\(4, 6\)"):
        ChannelGatedExchange(in_features=spec)
