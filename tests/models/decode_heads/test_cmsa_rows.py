"""PPM, ConvLSTM, self-gated fusion and deconvolution against their equations."""

import sys
import types
from pathlib import Path

import pytest
import torch

from mmris.models import decode_heads
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec, TextFeatures, TextSpec
from tests.references import level_aggregations as references

EQUAL = [(5, 3)] * 3
FALLING = [(7, 5), (4, 5), (2, 1)]  # no side is half of another
SCALES = (1, 2, 3, 6)
ARGUMENTS = {
    "ConvLSTMAggregation": {
        "channels": 3,
        "kernel_size": 3,
        "coarsest_first": True,
        "forget_bias": 1.0,
    },
    "PyramidPoolingAggregation": {"channels": 5, "pyramid_channels": 2},
    "SelfGatedAggregation": {},
}
NAMES = list(ARGUMENTS)


def make(name, *, num_levels=3, cls=None, **changes):
    torch.manual_seed(0)
    spec = FusedSpec((LevelSpec(4, 8),) * num_levels, (TextSpec(3, 3),) * num_levels)
    aggregation = (cls or getattr(decode_heads, name))(
        in_features=spec, **{**ARGUMENTS[name], **changes}
    )
    for module in aggregation.modules():
        if isinstance(module, torch.nn.Conv2d) and module.bias is not None:
            torch.nn.init.normal_(module.bias)
    return aggregation.double().eval()


def make_fused(sizes, rows=2, per_image=frozenset()):
    torch.manual_seed(1)
    mask = torch.ones(rows, 2, dtype=torch.bool)
    text = TextFeatures(torch.rand(rows, 2, 3), mask, torch.rand(rows, 3))
    index = 1 - torch.arange(rows) % 2
    maps = tuple(
        torch.randn(2 if level in per_image else rows, 4, *size, dtype=torch.float64)
        for level, size in enumerate(sizes)
    )
    return FusedFeatures(maps, (text,) * len(sizes), index, per_image)


def literally(name, aggregation, fused):
    rows = []
    for row in range(len(fused.image_index)):
        levels = [level[row] for level in fused.expanded()]
        if name == "SelfGatedAggregation":
            rows.append(references.self_gated(aggregation, levels))
        elif name == "PyramidPoolingAggregation":
            rows.append(references.pyramid_pooling(aggregation, SCALES, levels))
        else:
            rows.append(references.conv_lstm(aggregation, levels))
    return torch.stack(rows)


@pytest.mark.parametrize("sizes", [EQUAL, FALLING, EQUAL[:2]])
@pytest.mark.parametrize("name", NAMES)
def test_equals_the_equation_also_with_a_level_of_images(name, sizes):
    aggregation = make(name, num_levels=len(sizes))
    fused = make_fused(sizes, rows=3, per_image=frozenset({1}))
    result = aggregation(fused)
    expected = literally(name, aggregation, fused)
    assert result.shape == (3, aggregation.out_channels, *sizes[0])
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-11)


def test_the_lstm_reads_in_the_order_that_is_said():
    fused = make_fused(EQUAL)
    results = []
    for coarsest_first in (True, False):
        aggregation = make("ConvLSTMAggregation", coarsest_first=coarsest_first)
        results.append(aggregation(fused))
        expected = literally("ConvLSTMAggregation", aggregation, fused)
        torch.testing.assert_close(results[-1], expected, rtol=0, atol=1e-11)
    assert (results[0] - results[1]).abs().max() > 0.01
    turned = FusedFeatures(fused.maps[::-1], fused.text, fused.image_index)
    torch.testing.assert_close(aggregation(turned), results[0])


def test_a_pointwise_lstm_keeps_positions_apart():
    aggregation = make("ConvLSTMAggregation", kernel_size=1)
    fused = make_fused(EQUAL)
    before = aggregation(fused)
    fused.maps[1][:, :, 2, 1] += 1
    changed = (aggregation(fused) - before).abs().amax(dim=(0, 1)) > 1e-9
    assert changed[2, 1]
    assert changed.sum() == 1


def test_forget_gates_start_as_said():
    spec = FusedSpec((LevelSpec(4, 8),) * 2, (TextSpec(3, 3),) * 2)
    aggregation = decode_heads.ConvLSTMAggregation(
        in_features=spec,
        channels=2,
        kernel_size=3,
        coarsest_first=False,
        forget_bias=1.5,
    )
    assert aggregation.of_level.bias.tolist() == [0, 0, 1.5, 1.5, 0, 0, 0, 0]
    assert sum(p.numel() for p in aggregation.parameters()) == 9 * 8 * (4 + 2) + 8


@pytest.mark.parametrize("name", NAMES)
def test_batched_equals_single(name):
    aggregation, fused = make(name), make_fused(FALLING)
    result = aggregation(fused)
    for row in range(2):
        alone = FusedFeatures(
            tuple(level[row : row + 1] for level in fused.maps),
            tuple(text.rows(row, row + 1) for text in fused.text),
            torch.zeros(1, dtype=torch.int64),
        )
        torch.testing.assert_close(aggregation(alone)[0], result[row])


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_gradient_also_with_one_expression(name):
    aggregation, fused = make(name).train(), make_fused(FALLING, rows=1)
    aggregation(fused).square().sum().backward()
    for parameter_name, parameter in aggregation.named_parameters():
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize("name", NAMES)
def test_compiled_and_exported_are_the_same(name):
    aggregation, fused = make(name), make_fused(FALLING)
    expected = aggregation(fused)
    compiled = torch.compile(aggregation, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(fused), expected)
    with torch.no_grad():
        program = torch.export.export(aggregation, (fused,))
        torch.testing.assert_close(program.module()(fused), expected)


@pytest.mark.parametrize("name", NAMES)
def test_short_numbers_lose_little(name):
    aggregation, fused = make(name).float(), make_fused(FALLING)
    maps = tuple(level.float() for level in fused.maps)
    fused = FusedFeatures(maps, fused.text, fused.image_index)
    with torch.no_grad():
        exact = aggregation(fused)
        with torch.autocast("cpu", torch.bfloat16):
            short = aggregation(fused)
    assert (short - exact).abs().max() < 0.05 * exact.abs().max()


def make_decoder(cls=decode_heads.DeconvMaskDecoder, channels=(4, 3)):
    torch.manual_seed(0)
    decoder = cls(in_channels=5, channels=channels).double()
    for module in decoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 1, 0.3)
            torch.nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return decoder.eval()


def deconv_agrees(decoder):
    torch.manual_seed(1)
    features = torch.randn(2, 5, 3, 2, dtype=torch.float64)
    expected = torch.stack([references.deconv(decoder, row) for row in features])
    result = decoder(features)
    return result.shape == expected.shape and torch.allclose(
        result, expected, rtol=0, atol=1e-11
    )


def test_deconvolution_equals_scattering():
    decoder = make_decoder()
    assert deconv_agrees(decoder)
    features = torch.randn(1, 5, 3, 2, dtype=torch.float64)
    assert decoder(features).shape == (1, 1, 12, 8)
    decoder.train()(features).square().sum().backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_what_cannot_be_is_refused():
    def refused(match, name, **changes):
        with pytest.raises(ValueError, match=match):
            make(name, **changes)

    part = "decode_head.aggregation ConvLSTMAggregation"
    refused(rf"{part} reads levels .* gives one", NAMES[0], num_levels=1)
    refused(rf"{part} has kernel_size 4; give an odd", NAMES[0], kernel_size=4)
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(6, 16)), (TextSpec(3, 3),) * 2)
    for name in ("ConvLSTMAggregation", "SelfGatedAggregation"):
        with pytest.raises(ValueError, match=rf"{name} .* \(4, 6\) channels"):
            MODELS.build({"type": name, "in_features": spec, **ARGUMENTS[name]})
    with pytest.raises(ValueError, match="DeconvMaskDecoder has no channels"):
        make_decoder(channels=())


def test_pyramids_take_levels_of_several_widths_and_maps_smaller_than_a_scale():
    spec = FusedSpec((LevelSpec(4, 8), LevelSpec(6, 16)), (TextSpec(3, 3),) * 2)
    aggregation = decode_heads.PyramidPoolingAggregation(
        in_features=spec, channels=5, pyramid_channels=2
    )
    fused = make_fused([(2, 3), (1, 1)])
    maps = (fused.maps[0].float(), torch.randn(2, 6, 1, 1))
    fused = FusedFeatures(maps, fused.text, fused.image_index)
    assert aggregation(fused).shape == (2, 5, 2, 3)


LSTM, PPM, GATED = NAMES
BUGS = {
    (LSTM, "gates exchanged"): (
        "opened, forget, output = self",
        "forget, opened, output = self",
    ),
    (LSTM, "order forgotten"): ("if self.coarsest_first:", "if False:"),
    (LSTM, "cell dropped"): ("forget * cell + opened", "opened"),
    (LSTM, "state without tanh"): (
        "state = output * torch.tanh(cell)",
        "state = output * cell",
    ),
    (LSTM, "state ignored"): ("step + self.of_state(state)", "step"),
    (PPM, "pyramid forgotten"): (
        "*self.pyramid(joint)",
        "*[0 * p for p in self.pyramid(joint)]",
    ),
    (PPM, "upside down"): (
        "*self.pyramid(joint)",
        "*[p.flip(2) for p in self.pyramid(joint)]",
    ),
    (PPM, "corners aligned"): ("align_corners=False", "align_corners=True"),
    (PPM, "ReLU forgotten"): ("torch.relu(self.mix(", "(self.mix("),
    (PPM, "other scales"): ("= (1, 2, 3, 6)", "= (1, 2, 4, 6)"),
    (GATED, "gate turned"): (
        "torch.sigmoid(self.gates",
        "torch.sigmoid(-self.gates",
    ),
    (GATED, "gate forgotten"): ("self.opening(level, index) * level", "level"),
    (GATED, "another image"): (
        "weighed[fused.image_index]",
        "weighed[1 - fused.image_index]",
    ),
    (GATED, "a level lost"): ("gated[1:]", "gated[2:]"),
    (GATED, "gates of another level"): (
        "self.gates[index]",
        "self.gates[-1 - index]",
    ),
    ("DeconvMaskDecoder", "axes exchanged"): (
        "self.enlarge(features)",
        "self.enlarge(features.mT).mT",
    ),
    ("DeconvMaskDecoder", "off by one"): ("padding=1", "padding=0"),
    ("DeconvMaskDecoder", "norm forgotten"): ("nn.BatchNorm2d(after)", "nn.Identity()"),
    ("DeconvMaskDecoder", "ReLU forgotten"): (
        "nn.ReLU(inplace=True)",
        "nn.Identity()",
    ),
    ("DeconvMaskDecoder", "one too few"): ("*blocks)", "*blocks[3:])"),
}


def broken(name, old, new):
    """The class from a copy of its file with one line changed."""
    file = sys.modules[getattr(decode_heads, name).__module__]
    source = Path(file.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1 or (name == LSTM and old in source)
    source = source.replace(old, new).replace("@MODELS.register_module()\n", "")
    module = types.ModuleType("broken_part")
    module.__package__ = file.__package__
    exec(compile(source, "broken_part", "exec"), module.__dict__)
    return getattr(module, name)


@pytest.mark.parametrize(("name", "bug"), BUGS)
def test_a_seeded_bug_is_seen(name, bug):
    cls = broken(name, *BUGS[name, bug])
    if name == "DeconvMaskDecoder":
        decoder = make_decoder()
        try:
            other = make_decoder(cls)
            other.load_state_dict(decoder.state_dict(), strict=False)
            features = torch.randn(2, 5, 3, 2, dtype=torch.float64)
            result = other(features)
        except RuntimeError:
            return
        expected = torch.stack([references.deconv(decoder, row) for row in features])
        assert result.shape != expected.shape or not torch.allclose(result, expected)
        return
    fused = make_fused(FALLING, rows=3, per_image=frozenset({1}))
    aggregation = make(name, cls=cls)
    try:
        expected = literally(name, aggregation, fused)
    except IndexError:  # the reference cannot read other scales out of it
        return
    result = aggregation(fused)
    assert not torch.allclose(result, expected, rtol=0, atol=1e-9)
