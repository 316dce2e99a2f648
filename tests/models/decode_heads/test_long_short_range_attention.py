import pytest
import torch

from mmris.models import LongShortRangeAttention
from mmris.models.decode_heads._window_attention import WindowAttention
from tests.models.jmceln_parts import (
    CHANNELS,
    assert_close,
    assert_gradients,
    enliven,
    make_first_map,
    make_map,
)
from tests.references.joint_mask_contextual_embedding import (
    long_short_range,
    window_attention,
)

SIZES = [(6, 3), (5, 4), (2, 7), (1, 1)]  # of windows of 3: whole, and not


def make_window(cls=WindowAttention):
    return enliven(cls(channels=CHANNELS, window_size=3, num_heads=2))


def agrees(part, reference, size, atol=1e-11):
    maps = make_map(size)
    result = part(maps)
    return all(
        torch.allclose(result[n], reference(part, maps[n]), rtol=0, atol=atol)
        for n in range(len(maps))
    )


@pytest.mark.parametrize("size", SIZES)
def test_window_attention_equals_the_loops(size):
    assert agrees(make_window(), window_attention, size)


@pytest.mark.parametrize("size", SIZES)
def test_equals_the_printed_equation(size):
    assert agrees(make_first_map(), long_short_range, size)


@pytest.mark.parametrize("dilations", [(1,), (2, 3), (1, 1, 4, 5)])
def test_other_branches(dilations):
    part = make_first_map(dilations=dilations)
    assert agrees(part, long_short_range, (5, 4))


def test_a_window_sees_nothing_of_another():
    part, maps = make_window(), make_map((5, 7), rows=1)
    changed = maps.clone()
    changed[:, :, :3, 3:6] += 1.0
    moved = (part(changed) - part(maps)).abs().amax(dim=(0, 1)) > 0
    assert moved[:3, 3:6].all()
    moved[:3, 3:6] = False
    assert not moved.any()


def test_what_lies_beyond_the_border_does_not_count():
    """A smaller map in the corner of a window: the bias decides, not the padding."""
    part, maps = make_window(), make_map((2, 2))
    with torch.no_grad():
        part.norm.bias += 5.0
        large = part(maps)
        part.attention.qkv.bias[CHANNELS : 2 * CHANNELS] += 100.0  # of all keys alike
    assert_close(part(maps), large, atol=1e-9)


def test_a_map_of_any_size_keeps_it():
    part = make_first_map()
    for size in SIZES:
        assert part(make_map(size)).shape == (2, CHANNELS, *size)


def test_batched_equals_single():
    part, maps = make_first_map(), make_map()
    together = part(maps)
    for n in range(2):
        assert_close(part(maps[n : n + 1])[0], together[n])


@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_has_a_gradient(training):
    part = make_first_map().train(training)
    # A third of the joint bias is that of keys, which the softmax loses.
    assert_gradients(part, part(make_map((7, 5))))
    bias = part.window_attention.attention.qkv.bias.grad
    assert bias[CHANNELS : 2 * CHANNELS].abs().max() < 1e-10


def test_autocast():
    part, maps = make_first_map().float(), make_map().float()
    with torch.no_grad():
        exact = part(maps)
        with torch.autocast("cpu", torch.bfloat16):
            result = part(maps)
    assert (result - exact).abs().max() < 0.05 * exact.abs().max()


def test_compiled_is_the_same():
    part, maps = make_first_map(), make_map()
    compiled = torch.compile(part, backend="aot_eager", fullgraph=True)
    assert_close(compiled(maps), part(maps))


def test_weights_at_the_width_of_the_paper():
    with torch.device("meta"):
        part = LongShortRangeAttention(channels=1024)
    count = sum(parameter.numel() for parameter in part.parameters())
    assert round(count / 1e6, 1) == 22.0
    assert [branch.conv.dilation[0] for branch in part.branches] == [1, 6, 12, 18]


def test_the_relative_positions_start_small_but_not_at_zero():
    table = LongShortRangeAttention(
        channels=8, window_size=3, num_heads=2
    ).window_attention.attention.relative_position_bias_table
    assert table.shape == (25, 2)
    assert 0.005 < table.std() < 0.05


def test_messages():
    with pytest.raises(ValueError, match=r"has window_size 0 and dilations \(1, 6, 12"):
        LongShortRangeAttention(channels=8, window_size=0)
    for dilations in ((), (1, 0)):
        with pytest.raises(ValueError, match="at least one positive dilation"):
            LongShortRangeAttention(channels=8, dilations=dilations)
    with pytest.raises(
        ValueError, match="gets 12 channels .* multiple of its num_heads, 8"
    ):
        LongShortRangeAttention(channels=12)
    with pytest.raises(ValueError, match="number of dilations, 3"):
        LongShortRangeAttention(channels=8, num_heads=2, dilations=(1, 2, 3))
