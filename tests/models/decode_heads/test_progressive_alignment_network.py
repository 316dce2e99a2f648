import pytest
import torch

from mmris.models import ProgressiveAlignmentNetwork
from tests.models.jmceln_parts import (
    CHANNELS,
    assert_close,
    assert_gradients,
    make_alignment,
    make_map,
)
from tests.references.joint_mask_contextual_embedding import alignment


def make_pair(size=(5, 4)):
    return make_map(size), make_map(size, seed=4)


def agrees(part, *, training, atol=1e-10):
    pair = make_pair()
    with torch.no_grad():
        expected = torch.stack(alignment(part, *pair, training=training))
        result = part.train(training)(*pair)
    return torch.allclose(result, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("final_kernel_size", [0, 1, 3])
def test_equals_the_printed_equations(final_kernel_size, training):
    part = make_alignment(final_kernel_size=final_kernel_size)
    assert agrees(part, training=training)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (13, 3)])
def test_a_map_of_any_size_keeps_it(size):
    part = make_alignment()
    result = part(*make_pair(size))
    assert result.shape == (2, CHANNELS, *size)
    assert torch.isfinite(result).all()


def test_nothing_passes_where_the_map_before_lets_nothing_through():
    """A zero gate leaves the biases of the filters; without those, the map before."""
    part, (proposal, before) = make_alignment(), make_pair()
    with torch.no_grad():
        for conv in (part.gate, *part.filters):
            conv.weight.zero_() if conv is part.gate else None
            conv.bias.zero_()
        one = part(proposal, before)
        other = part(proposal + 1.0, before)
    assert_close(one, other)
    constant = one - before  # the normalisation of a map of zeros
    assert constant.std(dim=(2, 3)).max() < 1e-9


def test_batched_equals_single():
    part, pair = make_alignment(), make_pair()
    together = part(*pair)
    for n in range(2):
        alone = part(*(maps[n : n + 1] for maps in pair))
        assert_close(alone[0], together[n])


@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_has_a_gradient(training):
    part = make_alignment(final_kernel_size=1).train(training)
    assert_gradients(part, part(*make_pair()))


def test_products_and_normalisation_are_in_single_precision_under_autocast():
    part = make_alignment().float()
    pair = [0.03 * maps.float() for maps in make_pair()]
    with torch.no_grad():
        for conv in (part.expand, part.spread, part.gate, *part.filters):
            conv.bias.mul_(0.03)
        exact = part(*pair)
        with torch.autocast("cpu", torch.bfloat16):
            result = part(*pair)
            short = part(*(maps.bfloat16() for maps in pair))
    assert result.dtype == short.dtype == torch.float32
    for one in (result, short):
        assert (one - exact).abs().max() < 0.1 * exact.abs().max()


def test_compiled_is_the_same():
    part, pair = make_alignment(), make_pair()
    compiled = torch.compile(part, backend="aot_eager", fullgraph=True)
    assert_close(compiled(*pair), part(*pair))


def test_weights_at_the_width_of_the_paper():
    for kernel, millions in ((0, 8.09), (1, 9.14), (3, 17.53)):
        with torch.device("meta"):
            part = ProgressiveAlignmentNetwork(channels=1024, final_kernel_size=kernel)
        count = sum(parameter.numel() for parameter in part.parameters())
        assert round(count / 1e6, 2) == millions


def test_messages():
    with pytest.raises(ValueError, match="gets 6 channels from model.neck; .* of 4"):
        ProgressiveAlignmentNetwork(channels=6)
    for size in (-1, 2):
        with pytest.raises(ValueError, match=f"final_kernel_size {size}; give an odd"):
            ProgressiveAlignmentNetwork(channels=8, final_kernel_size=size)
