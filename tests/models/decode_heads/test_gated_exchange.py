import pytest
import torch

from mmris.models.decode_heads import GatedExchange
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec
from tests.references.gated_fusion import gated_fusion

EQUAL = [(5, 3)] * 3
FALLING = [(7, 5), (4, 5), (2, 1)]  # no side is half of another


def make_exchange(num_levels=3, channels=4):
    torch.manual_seed(0)
    levels = (LevelSpec(channels, 8),) * num_levels
    spec = FusedSpec(levels, (TextSpec(3, 3),) * num_levels)
    exchange = GatedExchange(in_features=spec).double()
    for gate in exchange.gates:
        torch.nn.init.normal_(gate.bias)
    if exchange.gamma is not None:
        torch.nn.init.normal_(exchange.gamma)
    return exchange


def make_fused(sizes, rows=2, per_image=frozenset()):
    torch.manual_seed(1)
    mask = torch.ones(rows, 2, dtype=torch.bool)
    text = TextFeatures(torch.rand(rows, 2, 3), mask, torch.rand(rows, 3))
    index = torch.arange(rows) % 2
    maps = tuple(
        torch.randn(2 if level in per_image else rows, 4, *size, dtype=torch.float64)
        for level, size in enumerate(sizes)
    )
    return FusedFeatures(maps, (text,) * len(sizes), index, per_image)


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:2], FALLING + [(1, 1)] * 2])
def test_equals_the_printed_fusion(sizes):
    exchange, fused = make_exchange(len(sizes)), make_fused(sizes)
    result = exchange(fused)
    assert result.text == fused.text
    for row in range(2):
        expected = gated_fusion(exchange, [level[row] for level in fused.maps])
        for level, wanted in enumerate(expected):
            got = result.maps[level][row]
            torch.testing.assert_close(got, wanted, rtol=0, atol=1e-12)


def test_a_single_level_exchanges_with_nobody():
    exchange, fused = make_exchange(1), make_fused([(5, 3)])
    assert exchange.gamma is None
    memory, reset = exchange.gates[0](fused[0]).sigmoid().split(1, dim=1)
    joint = torch.tanh((1 - memory) * fused[0])
    expected = reset * joint + (1 - reset) * fused[0]
    torch.testing.assert_close(exchange(fused)[0], expected)


def test_closed_gates_leave_the_level_and_closed_memory_takes_nothing_from_it():
    exchange, fused = make_exchange(), make_fused(EQUAL)
    with torch.no_grad():
        for gate in exchange.gates:
            gate.weight.zero_()
            gate.bias.copy_(torch.tensor([0.0, -200.0]))
    for level in range(3):
        torch.testing.assert_close(exchange(fused)[level], fused[level])
    with torch.no_grad():
        for gate in exchange.gates:
            gate.bias.copy_(torch.tensor([-200.0, 200.0]))
    for level in range(3):
        torch.testing.assert_close(exchange(fused)[level], fused[level].tanh())


def test_scalars_start_at_one_half_and_what_goes_out_is_what_came_in():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(4, 16)), (TextSpec(3, 3),) * 2)
    exchange = GatedExchange(in_features=spec)
    assert exchange.gamma.tolist() == [0.5, 0.5]
    assert exchange.spec == spec


def test_a_level_of_images_is_as_good_as_its_expansion():
    exchange = make_exchange()
    fused = make_fused(FALLING, rows=3, per_image=frozenset({0}))
    expanded = FusedFeatures(tuple(fused.expanded()), fused.text, fused.image_index)
    result, expected = exchange(fused), exchange(expanded)
    assert result.per_image == frozenset()
    for level in range(3):
        torch.testing.assert_close(result[level], expected[level])


def test_batched_equals_single():
    exchange, fused = make_exchange(), make_fused(FALLING)
    result = exchange(fused)
    for row in range(2):
        alone = FusedFeatures(
            tuple(level[row : row + 1] for level in fused.maps),
            tuple(text.rows(row, row + 1) for text in fused.text),
            torch.zeros(1, dtype=torch.int64),
        )
        for level in range(3):
            single = exchange(alone)[level]
            torch.testing.assert_close(single, result[level][row : row + 1])


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:1]])
def test_every_parameter_has_a_gradient(sizes):
    exchange, fused = make_exchange(len(sizes)), make_fused(sizes)
    sum(level.square().sum() for level in exchange(fused).maps).backward()
    for name, parameter in exchange.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_levels_of_several_widths_are_refused():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(6, 16)), (TextSpec(3, 3),) * 2)
    with pytest.raises(
        ValueError,
        match=r"exchange GatedExchange .* \(4, 6\) channels.*head.level_channels",
    ):
        GatedExchange(in_features=spec)
