"""Each promise is broken once, and the check names the part that broke it."""

import pytest
import torch
from torch.nn import functional

from mmris.models import (
    ConcatBlock,
    DecoderFusion,
    EmbeddingTextEncoder,
    MultiLevelDecodeHead,
)
from mmris.structures import (
    FusedSpec,
    MaskOutput,
    TextFeatures,
    TextSpec,
)
from mmris.testing import check_model
from tests import parts

FUSE = ConcatBlock.fuse
ENCODE = EmbeddingTextEncoder.encode
DECODE = MultiLevelDecodeHead.forward


def unpadded(self, batch):
    text = ENCODE(self, batch)
    tokens = text.tokens.masked_fill(~text.mask[..., None], 1.0)
    return TextFeatures(tokens, text.mask, text.sentence)


def mean_over_padding(self, batch):
    text = ENCODE(self, batch)
    return TextFeatures(text.tokens, text.mask, text.tokens.mean(dim=1))


def neighbours(self, batch):
    text = ENCODE(self, batch)
    tokens = (text.tokens - text.tokens.mean()) * text.mask[..., None]
    return TextFeatures(tokens, text.mask, text.sentence)


def all_words(self, projected, text, image_index):
    fused = FUSE(self, projected, text, image_index)
    return fused + text.tokens.amax(dim=(1, 2))[:, None, None, None]


def first_image(self, projected, text, image_index):
    return FUSE(self, projected, text, torch.zeros_like(image_index))


def batch_mean(self, projected, text, image_index):
    fused = FUSE(self, projected, text, image_index)
    return fused - fused.mean(dim=0)


def no_words(self, projected, text, image_index):
    silent = torch.zeros_like(text.sentence)
    return FUSE(
        self, projected, TextFeatures(text.tokens, text.mask, silent), image_index
    )


def detached(self, projected, text, image_index):
    return FUSE(self, projected.detach(), text, image_index)


def root_of_zero(self, projected, text, image_index):
    fused = FUSE(self, projected, text, image_index)
    return fused + (fused * 0).sqrt()


def peeking_head(self, fused):
    text = fused.text[0]
    logits = DECODE(self, fused).logits
    return MaskOutput(logits + text.tokens.amax(dim=(1, 2))[:, None, None, None], {})


def rolled_head(self, fused):
    output = DECODE(self, fused)
    return MaskOutput(output.logits.roll(1, dims=0), output.aux)


def flipped(self, projected, text, image_index):
    return FUSE(self, projected, text, image_index).flip(3)


def upside_down_head(self, fused):
    output = DECODE(self, fused)
    return MaskOutput(output.logits.flip(2), output.aux)


def turned_head(self, fused):
    output = DECODE(self, fused)
    return MaskOutput(output.logits.flip(2, 3), output.aux)


def exchanged(self, projected, text, image_index):
    fused = FUSE(self, projected, text, image_index)
    return functional.interpolate(fused.transpose(2, 3), size=fused.shape[2:])


BROKEN = {
    "text encoder leaves padding": (
        (EmbeddingTextEncoder, "encode", unpadded),
        "model.text_encoder EmbeddingTextEncoder leaves features in padded words",
    ),
    "text encoder averages over padding": (
        (EmbeddingTextEncoder, "encode", mean_over_padding),
        "EmbeddingTextEncoder gives other sentence for 'circle' alone",
    ),
    "text encoder looks at other sentences": (
        (EmbeddingTextEncoder, "encode", neighbours),
        "EmbeddingTextEncoder gives other tokens for .* alone",
    ),
    "text encoder lies about its widths": (
        (EmbeddingTextEncoder, "spec", TextSpec(5, 6)),
        r"gives the widths \(6, 6\), but its spec says \(5, 6\)",
    ),
    "neck weighs padding": (
        (ConcatBlock, "fuse", all_words),
        "model.neck DecoderFusion gives another answer when other values stand in "
        "padded words. Give them weight zero",
    ),
    "neck takes the wrong image": (
        (ConcatBlock, "fuse", first_image),
        "model.neck DecoderFusion gives another answer for an expression alone",
    ),
    "neck normalises over the batch": (
        (ConcatBlock, "fuse", batch_mean),
        "model.neck DecoderFusion gives another answer for an expression alone",
    ),
    "neck does not listen": (
        (ConcatBlock, "fuse", no_words),
        "MultiLevelDecodeHead give the same answer whatever the words",
    ),
    "neck flips": (
        (ConcatBlock, "fuse", flipped),
        "model.neck DecoderFusion and model.decode_head MultiLevelDecodeHead answer in "
        "the wrong place: left and right are exchanged",
    ),
    "neck exchanges rows and columns": (
        (ConcatBlock, "fuse", exchanged),
        "answer in the wrong place: rows and columns are exchanged. Maps are",
    ),
    "head stands on its head": (
        (MultiLevelDecodeHead, "forward", upside_down_head),
        "answer in the wrong place: top and bottom are exchanged",
    ),
    "head turns its map": (
        (MultiLevelDecodeHead, "forward", turned_head),
        "answer in the wrong place: the map is turned by half a circle",
    ),
    "gradient cut off": (
        (ConcatBlock, "fuse", detached),
        r"model\.backbone\.\S+ receives no gradient",
    ),
    "gradient of a root at zero": (
        (ConcatBlock, "fuse", root_of_zero),
        r"model\.\S+ receives a gradient that is not finite",
    ),
    "head looks at padding": (
        (MultiLevelDecodeHead, "forward", peeking_head),
        "model.decode_head MultiLevelDecodeHead gives another answer when other values",
    ),
    "head mixes expressions": (
        (MultiLevelDecodeHead, "forward", rolled_head),
        "model.decode_head MultiLevelDecodeHead gives another answer for an expression",
    ),
}


def make_model():
    return parts.build_model(parts.model_config())


def test_a_good_model_passes_and_stays_as_it_was():
    model = make_model().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    check_model(model)
    assert model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_seen_and_named(name, monkeypatch):
    (owner, attribute, broken), message = BROKEN[name]
    model = make_model()
    monkeypatch.setattr(owner, attribute, broken)
    with pytest.raises(AssertionError, match=message):
        check_model(model)


def test_a_neck_that_lies_about_its_channels(monkeypatch):
    model = make_model()
    spec = model.neck.spec
    levels = (*spec.levels[:-1], spec.levels[0].__class__(9, 32))
    monkeypatch.setattr(DecoderFusion, "spec", FusedSpec(levels, spec.text))
    message = r"gives levels of \(8, 8, 8, 8\) channels, .* says \(8, 8, 8, 9\)"
    with pytest.raises(AssertionError, match=message):
        check_model(model)


def test_sentences_of_one_length_show_no_padding():
    with pytest.raises(AssertionError, match="give sentences of different lengths"):
        check_model(make_model(), sentences=["red", "green"])


@pytest.mark.parametrize("text_encoder", parts.text_encoder_names())
@pytest.mark.parametrize("neck", ["DecoderFusion", "EncoderFusion"])
def test_the_parts_of_mmris_pass(neck, text_encoder):
    check_model(
        parts.build_model(parts.model_config(neck=neck, text_encoder=text_encoder))
    )
