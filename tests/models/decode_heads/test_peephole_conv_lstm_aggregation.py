import pytest
import torch

from mmris.models.decode_heads import (
    PeepholeConvLSTMAggregation,
    peephole_conv_lstm_aggregation,
)
from mmris.models.layers import pointwise
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec
from tests.references.conv_lstm import conv_lstm
from tests.seeded_bugs import broken

EQUAL = [(5, 3)] * 3
FALLING = [(7, 5), (4, 5), (2, 1)]  # no side is half of another


def make_aggregation(num_levels=3, in_channels=4, channels=6, **changes):
    """An LSTM with lively normalisations and peepholes."""
    torch.manual_seed(0)
    levels = (LevelSpec(in_channels, 8),) * num_levels
    spec = FusedSpec(levels, (TextSpec(3, 3),) * num_levels)
    aggregation = PeepholeConvLSTMAggregation(
        in_features=spec, channels=channels, **changes
    )
    for name, parameter in aggregation.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(parameter, mean=float("weight" in name), std=0.5)
        if "peephole" in name:
            torch.nn.init.normal_(parameter)
    return aggregation.double()


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


@pytest.mark.parametrize("forget_bias", [1.0, -0.5])
@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:2], [*FALLING, (1, 1)]])
def test_equals_the_full_cell_from_a_zero_state(sizes, forget_bias):
    aggregation = make_aggregation(len(sizes), forget_bias=forget_bias)
    fused = make_fused(sizes)
    state = aggregation(fused)
    assert aggregation.out_channels == 6
    assert state.shape == (2, 6, *sizes[0])
    for row in range(2):
        expected = conv_lstm(aggregation, [level[row] for level in fused.maps])
        torch.testing.assert_close(state[row], expected, rtol=0, atol=1e-11)


def test_the_first_step_is_the_full_step_with_a_zero_state():
    aggregation = make_aggregation()
    gates = torch.randn(2, 24, 15).double()
    zero = torch.zeros(2, 6, 15).double()
    for one, other in zip(
        aggregation._first_step(gates), aggregation._step(gates, zero), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


def test_normalisation_is_over_channels_and_positions_together():
    gates = torch.randn(2, 18, 5, 3).double()
    norm = make_aggregation().gate_norm
    for number, gate in enumerate(gates.chunk(3, dim=1)):
        group = slice(6 * number, 6 * number + 6)
        expected = torch.nn.functional.group_norm(
            gate, 1, norm.weight[group], norm.bias[group], 1e-12
        )
        torch.testing.assert_close(norm(gates).chunk(3, dim=1)[number], expected)


def test_what_all_levels_are_multiplied_with_is_multiplied_once():
    calls = []
    aggregation, fused = make_aggregation(), make_fused(EQUAL)

    def watched(features, weight):
        calls.append((tuple(features.shape), tuple(weight.shape)))
        return pointwise(features, weight)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peephole_conv_lstm_aggregation, "pointwise", watched)
        aggregation(fused)
    assert calls == [
        ((6, 4, 15), (24, 4)),  # 3 levels of 2 expressions
        ((2, 6, 15), (24, 6)),
        ((2, 6, 15), (24, 6)),
    ]


def test_the_order_of_levels_matters():
    aggregation, fused = make_aggregation(), make_fused(EQUAL)
    turned = FusedFeatures(fused.maps[::-1], fused.text, fused.image_index)
    assert (aggregation(fused) - aggregation(turned)).abs().max() > 0.1


def test_a_level_of_images_is_as_good_as_its_expansion():
    aggregation = make_aggregation()
    fused = make_fused(FALLING, rows=3, per_image=frozenset({0}))
    expanded = FusedFeatures(tuple(fused.expanded()), fused.text, fused.image_index)
    torch.testing.assert_close(aggregation(fused), aggregation(expanded))


def test_batched_equals_single():
    aggregation, fused = make_aggregation(), make_fused(FALLING)
    state = aggregation(fused)
    for row in range(2):
        alone = FusedFeatures(
            tuple(level[row : row + 1] for level in fused.maps),
            tuple(text.rows(row, row + 1) for text in fused.text),
            torch.zeros(1, dtype=torch.int64),
        )
        torch.testing.assert_close(aggregation(alone), state[row : row + 1])


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:2]])
def test_every_parameter_has_a_gradient(sizes):
    aggregation = make_aggregation(len(sizes))
    aggregation(make_fused(sizes)).square().sum().backward()
    for name, parameter in aggregation.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_parameters():
    aggregation = make_aggregation()
    assert {name: p.numel() for name, p in aggregation.named_parameters()} == {
        "kernel.weight": (4 + 6) * 4 * 6,
        "peephole_input": 6,
        "peephole_forget": 6,
        "peephole_output": 6,
        "gate_norm.weight": 18,
        "gate_norm.bias": 18,
        "output_norm.weight": 6,
        "output_norm.bias": 6,
        "cell_norm.weight": 6,
        "cell_norm.bias": 6,
    }


def test_normalisation_is_in_single_precision_under_autocast():
    aggregation, fused = make_aggregation().float(), make_fused(EQUAL)
    maps = tuple(level.float() for level in fused.maps)
    fused = FusedFeatures(maps, fused.text, fused.image_index)
    with torch.no_grad():
        exact = aggregation(fused)
        with torch.autocast("cpu", torch.bfloat16):
            state = aggregation(fused)
    assert state.dtype == torch.float32
    assert (state - exact).abs().max() < 0.05


def test_compiled_is_the_same():
    aggregation, fused = make_aggregation(), make_fused(FALLING)
    compiled = torch.compile(aggregation, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(fused), aggregation(fused), rtol=0, atol=1e-12)


def test_messages():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(6, 16)), (TextSpec(3, 3),) * 2)
    with pytest.raises(
        ValueError,
        match=r"PeepholeConvLSTMAggregation needs levels of .* \(4, 6\) channels",
    ):
        PeepholeConvLSTMAggregation(in_features=spec, channels=3)
    with pytest.raises(ValueError, match=r"model.neck gives one; take SumAggregation"):
        make_aggregation(1)


BUGS = {
    "gates in another order": (
        "candidate, opened, forget, output = gates",
        "opened, candidate, forget, output = gates",
    ),
    "forget bias left out": ("forget + self.forget_bias", "forget"),
    "peephole of the old cell at the output": (
        "output = output + self.peephole_output * cell",
        "output = output + self.peephole_output",
    ),
    "cell kept unnormalised": (
        "cell = _normalise(self.cell_norm, cell, num_groups=1)",
        "cell = cell",
    ),
    "all gates normalised together": (
        "self.gate_norm, gates, num_groups=3",
        "self.gate_norm, gates, num_groups=1",
    ),
    "channels normalised alone": (
        "self.cell_norm, cell, num_groups=1",
        "self.cell_norm, cell, num_groups=6",
    ),
    "coarsest level first": (
        "for level in fused.expanded()",
        "for level in fused.maps[::-1]",
    ),
    "state detached": (
        "pointwise(state, of_state)",
        "pointwise(state.detach(), of_state)",
    ),
    "levels and expressions exchanged": (
        "read.view(num_levels, rows, *read.shape[1:]).unbind()",
        "read.view(rows, num_levels, *read.shape[1:]).unbind(1)",
    ),
}


def agrees(aggregation):
    """Whether output and gradients equal those of the full cell."""
    fused = make_fused(EQUAL)
    for level in fused.maps:
        level.requires_grad_()
    result = aggregation(fused)[0]
    expected = conv_lstm(aggregation, [level[0] for level in fused.maps])
    if not torch.allclose(result, expected, atol=1e-10):
        return False
    wanted = torch.autograd.grad(expected.square().sum(), fused.maps)
    found = torch.autograd.grad(result.square().sum(), fused.maps)
    return all(torch.allclose(a, b, atol=1e-9) for a, b in zip(found, wanted))


def test_the_aggregation_as_it_is_agrees():
    assert agrees(make_aggregation())


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    aggregation = make_aggregation()
    aggregation.__class__ = broken(
        peephole_conv_lstm_aggregation, "PeepholeConvLSTMAggregation", *BUGS[bug]
    )
    assert not agrees(aggregation)
