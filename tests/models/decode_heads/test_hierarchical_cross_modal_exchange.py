import pytest
import torch

from mmris.models import HierarchicalCrossModalExchange
from mmris.models.decode_heads.hierarchical_cross_modal_exchange import _tiled_conv
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
from tests.references.convolution import convolve, tile
from tests.references.shnet_levels import hierarchical


def make_exchange(num_levels=3, **changes):
    spec = make_spec(num_levels)
    return enliven(HierarchicalCrossModalExchange(in_features=spec, **changes))


def agrees(exchange, fused):
    """Whether all levels are those of the printed equations with tiled words."""
    result = exchange(fused)
    return all(
        torch.allclose(result.maps[level][row], wanted, rtol=0, atol=1e-11)
        for row, (maps, words) in enumerate(rows_of(fused))
        for level, wanted in enumerate(hierarchical(exchange, maps, words))
    )


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:2], [(1, 1)] * 3])
def test_equals_the_printed_equations(sizes):
    exchange, fused = make_exchange(len(sizes)), make_fused(sizes)
    assert agrees(exchange, fused)
    assert exchange(fused).text == fused.text
    assert exchange.spec == exchange.in_features


@pytest.mark.parametrize("size", [(5, 3), (1, 4), (2, 2), (1, 1)])
def test_taps_equal_the_convolution_of_tiled_vectors(size):
    vector = torch.randn(1, 6, dtype=torch.float64)
    kernel = torch.randn(4, 6, 3, 3, dtype=torch.float64)
    found = _tiled_conv(vector, kernel, torch.Size(size))[0]
    expected = convolve(tile(vector[0], found), kernel)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    if min(size) > 2:
        assert not torch.allclose(found[:, 0, 0], found[:, 1, 1])  # borders differ


def test_gates_depend_on_the_words_of_the_source():
    exchange, fused = make_exchange(), make_fused(EQUAL)
    before = exchange(fused)
    fused.text[1].tokens[0, 0] += 1
    after = exchange(fused)
    for level in range(3):
        same = torch.equal(before[level][0], after[level][0])
        assert same == (level == 1)
        assert torch.equal(before[level][1], after[level][1])


@pytest.mark.parametrize("garbage", [1e4, torch.inf, torch.nan])
def test_what_stands_in_padding_does_not_matter(garbage):
    exchange, fused = make_exchange(), make_fused(EQUAL)
    noisy = exchange(with_garbage(fused, garbage))
    for level in range(3):
        assert torch.equal(noisy[level], exchange(fused)[level])


def test_each_source_has_statistics_of_its_own_in_training():
    exchange, fused = make_exchange(dropout=0.0).train(), make_fused(EQUAL, rows=4)
    calls = []
    for norm in exchange.norms:
        norm.register_forward_hook(lambda _m, inputs, _o: calls.append(inputs[0]))
    result = exchange(fused)
    assert len(calls) == 6
    assert [norm.num_batches_tracked.item() for norm in exchange.norms] == [2, 2, 2]
    # The first target by hand: each of its two batches is normalised alone.
    expected, norm = fused[0], exchange.norms[0]
    for foreign, seen in ((fused[1], calls[0]), (fused[2], calls[1])):
        mean = seen.mean(dim=(0, 2, 3), keepdim=True)
        var = seen.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
        flat = (seen - mean) / torch.sqrt(var + norm.eps)
        gate = flat * norm.weight[:, None, None] + norm.bias[:, None, None]
        expected = expected + gate.sigmoid() * foreign
    torch.testing.assert_close(result[0], expected)


def test_a_dropped_gate_is_half_open():
    exchange, fused = make_exchange(dropout=1.0).train(), make_fused(EQUAL)
    expected = fused[0] + 0.5 * (fused[1] + fused[2])
    torch.testing.assert_close(exchange(fused)[0], expected)


def test_a_single_level_takes_from_nobody():
    exchange, fused = make_exchange(1), make_fused([(5, 3)])
    assert list(exchange.parameters()) == []
    assert torch.equal(exchange(fused)[0], fused[0])


def test_a_level_of_images_is_as_good_as_its_expansion():
    exchange = make_exchange()
    fused = make_fused(FALLING, rows=3, per_image=frozenset({0}))
    result, expected = exchange(fused), exchange(expanded(fused))
    assert result.per_image == frozenset()
    for level in range(3):
        torch.testing.assert_close(result[level], expected[level])


def test_batched_equals_single():
    exchange, fused = make_exchange(), make_fused(FALLING)
    result = exchange(fused)
    for row in range(2):
        single = exchange(single_row(fused, row))
        for level in range(3):
            torch.testing.assert_close(single[level][0], result[level][row])


@pytest.mark.parametrize("sizes", [EQUAL, FALLING])
def test_every_parameter_has_a_gradient(sizes):
    exchange, fused = make_exchange().train(), make_fused(sizes)
    sum(level.square().sum() for level in exchange(fused).maps).backward()
    for name, parameter in exchange.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        if not name.endswith(".bias") or "norms" in name:  # lost in the normalisation
            assert parameter.grad.abs().max() > 1e-9, name


def test_compiled_is_the_same():
    exchange, fused = make_exchange(), make_fused(FALLING)
    compiled = torch.compile(exchange, backend="aot_eager", fullgraph=True)
    expected = exchange(fused)
    for level in range(3):
        torch.testing.assert_close(compiled(fused)[level], expected[level])


def test_levels_of_several_widths_are_refused():
    levels = (LevelSpec(4, 8), LevelSpec(6, 16))
    with pytest.raises(ValueError, match=r"HierarchicalCrossModalExchange.*\(4, 6\)"):
        HierarchicalCrossModalExchange(
            in_features=FusedSpec(levels, (TextSpec(3, 3),) * 2)
        )


def test_words_of_several_widths_are_refused():
    spec = FusedSpec((LevelSpec(4, 8),) * 2, (TextSpec(3, 3), TextSpec(5, 3)))
    with pytest.raises(ValueError, match=r"words of all levels .* \(3, 5\) channels"):
        HierarchicalCrossModalExchange(in_features=spec)
