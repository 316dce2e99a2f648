"""What holds for every text encoder that looks words up."""

import pytest
import torch
from torch import nn

from mmris.models.text_encoders import (
    EmbeddingTextEncoder,
    GRUTextEncoder,
    LSTMTextEncoder,
    TokenBatch,
)
from mmris.registry import MODELS


class IdsToFeatures(nn.Module):
    """The part without strings, as an exporter wants it."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, ids, mask):
        text = self.encoder.encode(TokenBatch(ids, mask))
        return text.tokens, text.sentence


def pad(batch, count, value):
    """The batch with more padding, all of it filled with a value."""
    mask = nn.functional.pad(batch.mask, (0, count))
    ids = nn.functional.pad(batch.ids, (0, count)).masked_fill(~mask, value)
    return TokenBatch(ids, mask)


def test_widths_are_as_told(encoder, sentences):
    text = encoder(sentences)
    assert text.tokens.shape == (3, 6, encoder.spec.token_channels)
    assert text.sentence.shape == (3, encoder.spec.sentence_channels)
    assert text.mask.sum(1).tolist() == [4, 2, 6]


def test_padding_is_exactly_zero(encoder, sentences):
    text = encoder(sentences)
    assert (text.tokens[~text.mask] == 0).all()
    assert (text.tokens[text.mask] != 0).any(-1).all()


@pytest.mark.parametrize("value", [5, 10**9, -1])
def test_padding_is_invisible(encoder, sentences, value):
    batch = encoder.tokenize(sentences)
    text, padded = encoder.encode(batch), encoder.encode(pad(batch, 4, value))
    torch.testing.assert_close(padded.tokens[:, :6], text.tokens)
    torch.testing.assert_close(padded.sentence, text.sentence)
    assert (padded.tokens[:, 6:] == 0).all()


def test_padding_row_of_a_foreign_checkpoint_is_invisible(encoder, sentences):
    text = encoder(sentences)
    state = encoder.state_dict()
    state["embedding.weight"] = state["embedding.weight"].clone()
    state["embedding.weight"][0] = 7.0
    encoder.load_state_dict(state)
    other = encoder(sentences)
    assert (other.tokens[~other.mask] == 0).all()
    torch.testing.assert_close(other.tokens, text.tokens)
    torch.testing.assert_close(other.sentence, text.sentence)


def test_batched_equals_single(encoder, sentences):
    text = encoder(sentences)
    for row, sentence in enumerate(sentences):
        single = encoder([sentence])
        length = single.tokens.shape[1]
        torch.testing.assert_close(text.tokens[row, :length], single.tokens[0])
        torch.testing.assert_close(text.sentence[row], single.sentence[0])


def test_every_word_matters(encoder):
    one, other = encoder(["the red circle left"]), encoder(["the red square left"])
    assert not torch.allclose(one.sentence, other.sentence, rtol=0, atol=1e-5)
    changed = (one.tokens - other.tokens).abs().amax(-1)[0] > 1e-6
    expected = {
        False: [False, False, True, True],  # words before it do not know it
        True: [True] * 4,
        None: [False, False, True, False],
    }
    recurrence = getattr(encoder, "recurrence", None)
    both = None if recurrence is None else recurrence.backward_layers is not None
    assert changed.tolist() == expected[both]


def test_every_parameter_has_a_gradient(encoder, sentences):
    text = encoder.train()(sentences)
    # Not of squares: a sentence may have length 1 whatever the parameters.
    seeds = torch.randn_like(text.tokens), torch.randn_like(text.sentence)
    ((text.tokens * seeds[0]).sum() + (text.sentence * seeds[1]).sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if name != "backward_layer.weight_hh_l0":  # see ProjectedGRUTextEncoder
            assert parameter.grad.abs().sum() > 0, name
    assert (encoder.embedding.weight.grad[0] == 0).all()  # padding learns nothing


def test_bfloat16_is_near(encoder, sentences):
    """Not every processor has recurrent layers in bfloat16."""
    plain = encoder(sentences)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = encoder(sentences)
    rounded.tokens.float().sum().backward()
    near = {"rtol": 0, "atol": 0.05 * float(plain.tokens.detach().abs().max())}
    torch.testing.assert_close(rounded.tokens.float(), plain.tokens, **near)
    torch.testing.assert_close(rounded.sentence.float(), plain.sentence, **near)


def test_compiled_equals_eager(encoder, sentences):
    model = IdsToFeatures(encoder)
    batch = encoder.tokenize(sentences)
    torch.compiler.reset()
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(
        compiled(batch.ids, batch.mask), model(batch.ids, batch.mask)
    )


def test_compiles_from_strings(make_encoder, sentences):
    encoder = make_encoder("lstm_2x2")
    encoder.build_vocabulary(sentences)
    torch.compiler.reset()
    text = torch.compile(encoder, backend="aot_eager")(sentences)
    torch.testing.assert_close(text.sentence, encoder(sentences).sentence)


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of nn.LSTM's weight list
def test_exported_equals_eager(encoder, sentences):
    model = IdsToFeatures(encoder)
    batch = encoder.tokenize(sentences)
    rows = torch.export.Dim("rows", min=1, max=64)
    program = torch.export.export(
        model, (batch.ids, batch.mask), dynamic_shapes=({0: rows}, {0: rows})
    )
    for repeats in (1, 3):
        ids, mask = batch.ids.repeat(repeats, 1), batch.mask.repeat(repeats, 1)
        torch.testing.assert_close(program.module()(ids, mask), model(ids, mask))


def test_sentence_of_embeddings_is_the_mean_of_the_words(make_encoder, sentences):
    encoder = make_encoder("embedding")
    encoder.build_vocabulary(sentences)
    text = encoder(sentences)
    for row, sentence in enumerate(sentences):
        numbers = encoder.vocabulary.ids(sentence.split())
        vectors = [encoder.embedding.weight[number] for number in numbers]
        torch.testing.assert_close(text.sentence[row], sum(vectors) / len(vectors))


@pytest.mark.parametrize("kind", ["lstm_2x2", "gru_2x2"])
def test_sentence_is_where_each_direction_ends(make_encoder, sentences, kind):
    encoder = make_encoder(kind)
    encoder.build_vocabulary(sentences)
    text = encoder(sentences)
    for row, sentence in enumerate(sentences):
        last = len(sentence.split()) - 1
        expected = torch.cat([text.tokens[row, last, :6], text.tokens[row, 0, 6:]])
        assert torch.equal(text.sentence[row], expected)


@pytest.mark.parametrize("forget_bias", [1.0, 0.0, -2.5])
def test_forget_bias_is_the_sum_of_both_biases(make_encoder, forget_bias):
    encoder = make_encoder("lstm_2x2", forget_bias=forget_bias)
    layers = [*encoder.recurrence.forward_layers, *encoder.recurrence.backward_layers]
    assert len(layers) == 4
    for layer in layers:
        total = layer.bias_ih_l0 + layer.bias_hh_l0
        assert (total[6:12] == forget_bias).all()
        assert (total[:6] != forget_bias).all()
        assert (total[12:] != forget_bias).all()


def test_dropout_is_of_training_only(make_encoder, sentences):
    encoder = make_encoder("gru_2x2", dropout=0.5)
    encoder.build_vocabulary(sentences)
    assert not torch.equal(encoder(sentences).tokens, encoder(sentences).tokens)
    encoder.eval()
    assert torch.equal(encoder(sentences).tokens, encoder(sentences).tokens)


@pytest.mark.parametrize(
    ("name", "cls", "arguments"),
    [
        ("EmbeddingTextEncoder", EmbeddingTextEncoder, {}),
        ("LSTMTextEncoder", LSTMTextEncoder, {"hidden_channels": 4}),
        ("GRUTextEncoder", GRUTextEncoder, {"hidden_channels": 4}),
    ],
)
def test_registered(name, cls, arguments):
    encoder = MODELS.build(
        {"type": name, "num_embeddings": 9, "embedding_channels": 4, **arguments}
    )
    assert type(encoder) is cls
