import pytest
import torch

from mmris.models import ConvUpsampleMaskDecoder, DeepUpsampleMaskDecoder
from mmris.models.decode_heads._aspp import ASPP
from tests.models.decode_heads.shnet_levels import enliven
from tests.references import shnet_decoders as reference

DILATIONS = (1, 2, 4, 5)


def make_decoder(kind=ConvUpsampleMaskDecoder, **changes):
    own = {ConvUpsampleMaskDecoder: {"up_channels": (5, 3)}}
    own = own.get(kind, {"last_channels": 3})
    settings = {"in_channels": 4, "channels": 6, "dilations": DILATIONS}
    return enliven(kind(**{**settings, **own, **changes}))


def make_map(size=(5, 4)):
    torch.manual_seed(1)
    return torch.randn(2, 4, *size, dtype=torch.float64)


def agrees(decoder, features, literal):
    """Whether the logits are those of the loops over all taps."""
    logits = decoder(features)
    return all(
        torch.allclose(
            logits[row], literal(decoder, one, DILATIONS), rtol=0, atol=1e-11
        )
        for row, one in enumerate(features)
    )


# Dilations below, at and beyond the size, along one axis and along both.
@pytest.mark.parametrize("size", [(5, 4), (6, 3), (1, 1), (2, 7)])
def test_equals_the_loops(size):
    decoder, features = make_decoder(), make_map(size)
    assert decoder(features).shape == (2, 1, 4 * size[0], 4 * size[1])
    assert agrees(decoder, features, reference.conv_upsample)


@pytest.mark.parametrize("size", [(5, 4), (1, 3)])
def test_the_heavier_one_equals_the_loops(size):
    decoder, features = make_decoder(DeepUpsampleMaskDecoder), make_map(size)
    assert decoder(features).shape == (2, 1, 4 * size[0], 4 * size[1])
    assert agrees(decoder, features, reference.deep_upsample)


def test_taps_outside_the_map_are_left_out_and_keep_their_place():
    aspp = ASPP(in_channels=4, channels=6, dilations=(1, 6, 24), dropout=0.0)
    aspp = enliven(aspp)
    convs = [branch.conv for branch in aspp.branches]
    assert [conv.weight.shape[-1] for conv in convs] == [1, 3, 3]
    widths = []
    original = torch.nn.functional.conv2d

    def watched(features, weight, *args, **options):
        widths.append(tuple(weight.shape[-2:]))
        return original(features, weight, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "conv2d", watched)
        aspp(make_map((20, 5))).square().sum().backward()
    assert {(1, 1), (3, 1)} == set(widths)
    assert (convs[1].weight.grad[..., [0, 2]] == 0).all()
    assert (convs[2].weight.grad[..., 1, 1] != 0).any()
    outer = convs[2].weight.grad.clone()
    outer[..., 1, 1] = 0
    assert (outer == 0).all()


@pytest.mark.parametrize("kind", [ConvUpsampleMaskDecoder, DeepUpsampleMaskDecoder])
def test_batched_equals_single_and_dropout_is_for_training(kind):
    decoder, features = make_decoder(kind, dropout=0.5), make_map()
    logits = decoder(features)
    torch.testing.assert_close(decoder(features[1:]), logits[1:])
    decoder.train()
    assert not torch.equal(decoder(features), decoder(features))


@pytest.mark.parametrize("kind", [ConvUpsampleMaskDecoder, DeepUpsampleMaskDecoder])
def test_every_parameter_has_a_gradient(kind):
    settings = {"dropout": 0.0, "aspp_dropout": 0.0}
    decoder = make_decoder(kind, **settings).train()
    decoder(make_map((9, 8))).square().sum().backward()
    for name, parameter in decoder.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-9, name


@pytest.mark.parametrize("kind", [ConvUpsampleMaskDecoder, DeepUpsampleMaskDecoder])
def test_compiled_is_the_same(kind):
    decoder, features = make_decoder(kind), make_map()
    compiled = torch.compile(decoder, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(features), decoder(features))


def test_one_expression_alone_cannot_be_trained_on():
    decoder = make_decoder().train()
    with pytest.raises(ValueError, match=r"one expression.*train_dataloader.batch"):
        decoder(make_map()[:1])
    assert decoder.eval()(make_map()[:1]).shape == (1, 1, 20, 16)
