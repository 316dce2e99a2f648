import pytest
import torch
from torch.nn import functional

from mmris.models import ProgressiveUpsampleMaskDecoder
from tests.models.jmceln_parts import (
    assert_close,
    assert_gradients,
    enliven,
    make_map,
)
from tests.references.joint_mask_contextual_embedding import upsampled_logits


def make_decoder(cls=ProgressiveUpsampleMaskDecoder, channels=(6, 5, 3)):
    return enliven(cls(in_channels=8, channels=channels))


def agrees(decoder, size=(2, 3), atol=1e-11):
    maps = make_map(size)
    result = decoder(maps)
    return all(
        torch.allclose(result[n], upsampled_logits(decoder, maps[n]), rtol=0, atol=atol)
        for n in range(2)
    )


@pytest.mark.parametrize("channels", [(6,), (6, 5), (6, 5, 3)])
def test_equals_the_loops(channels):
    assert agrees(make_decoder(channels=channels))


@pytest.mark.parametrize("channels", [(6,), (6, 5, 3), (4, 4, 4, 2)])
def test_every_width_doubles_the_size(channels):
    logits = make_decoder(channels=channels)(make_map((3, 2)))
    times = 2 ** len(channels)
    assert logits.shape == (2, 1, 3 * times, 2 * times)


def test_two_logits_are_one():
    """Cross entropy of a background and an object logit, and which of them wins."""
    torch.manual_seed(0)
    both = torch.randn(3, 2, 4, 5, dtype=torch.float64)
    masks = (torch.rand(3, 4, 5) < 0.5).long()
    difference = both[:, 1] - both[:, 0]
    one = functional.binary_cross_entropy_with_logits(difference, masks.double())
    assert_close(functional.cross_entropy(both, masks), one)
    assert torch.equal(both.argmax(dim=1) == 1, torch.sigmoid(difference) > 0.5)


@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_has_a_gradient(training):
    decoder = make_decoder().train(training)
    # A bias in front of a batch normalisation is lost there, but at the border.
    assert_gradients(decoder, decoder(make_map((3, 2))))


def test_autocast_and_compiled():
    decoder, maps = make_decoder(), make_map((3, 2))
    compiled = torch.compile(decoder, backend="aot_eager", fullgraph=True)
    assert_close(compiled(maps), decoder(maps))
    decoder, maps = decoder.float(), maps.float()
    with torch.no_grad():
        exact = decoder(maps)
        with torch.autocast("cpu", torch.bfloat16):
            result = decoder(maps)
    assert (result - exact).abs().max() < 0.05 * exact.abs().max()


def test_messages():
    with pytest.raises(ValueError, match="has no channels; give at least one width"):
        ProgressiveUpsampleMaskDecoder(in_channels=8, channels=())
