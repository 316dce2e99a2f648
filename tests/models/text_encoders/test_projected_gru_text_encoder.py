import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mmris.models.layers import MaskedBatchNorm
from mmris.models.text_encoders import ProjectedGRUTextEncoder, TokenBatch
from mmris.models.text_encoders import projected_gru_text_encoder as encoder_file
from tests.references.co_attention import linear_block, unit
from tests.references.recurrent import gru_row
from tests.seeded_bugs import broken

SENTENCES = ["the red circle left", "blue circle", "the circle above the red square"]


def make_encoder(cls=ProjectedGRUTextEncoder):
    """With statistics that are not those of a new module, in evaluation mode."""
    torch.manual_seed(0)
    encoder = cls(
        num_embeddings=20,
        embedding_channels=5,
        hidden_channels=4,
        channels=7,
        init_range=1.0,
    )
    for module in encoder.modules():
        if isinstance(module, MaskedBatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, mean=0.5, std=0.2)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.05, 0.2)
    encoder.build_vocabulary(SENTENCES)
    return encoder.double().eval()


def naive(encoder, sentence):
    """Words and sentence, a word at a time."""
    numbers = encoder.vocabulary.ids(sentence.split())
    linear = encoder.word_linear
    words = [
        (linear.weight @ encoder.embedding.weight[k] + linear.bias).clamp(min=0)
        for k in numbers
    ]
    (layer,) = encoder.forward_recurrence.forward_layers
    forward = gru_row(layer, words)[-1]
    backward = gru_row(encoder.backward_layer, [words[-1]])[0]
    state = words[0].new_tensor(forward + backward)
    tokens = [linear_block(encoder.word_projection, word) for word in words]
    read = unit(linear_block(encoder.sentence_projection, state))
    return torch.stack(tokens), read


@torch.no_grad()
def agrees(cls):
    encoder = make_encoder(cls)
    plain = make_encoder()
    text = encoder(SENTENCES)
    for row, sentence in enumerate(SENTENCES):
        tokens, read = naive(plain, sentence)
        length = len(tokens)
        if not torch.allclose(text.tokens[row, :length], tokens, rtol=0, atol=1e-10):
            return False
        if (text.tokens[row, length:] != 0).any():
            return False
        if not torch.allclose(text.sentence[row], read, rtol=0, atol=1e-10):
            return False
    return True


def test_equals_the_equations_word_by_word():
    assert agrees(ProjectedGRUTextEncoder)


def test_the_state_is_the_packed_bidirectional_grus_at_the_last_word():
    encoder = make_encoder()
    batch = encoder.tokenize(SENTENCES)
    words = torch.relu(encoder.word_linear(encoder.embed(batch)))
    whole = nn.GRU(5, 4, batch_first=True, bidirectional=True).double()
    (forward_layer,) = encoder.forward_recurrence.forward_layers
    state = dict(forward_layer.state_dict())
    for name, value in encoder.backward_layer.state_dict().items():
        state[f"{name}_reverse"] = value
    whole.load_state_dict(state)
    lengths = batch.mask.sum(dim=1)
    packed = pack_padded_sequence(words, lengths, True, enforce_sorted=False)
    states, _ = pad_packed_sequence(whole(packed)[0], batch_first=True)
    expected = states[torch.arange(3), lengths - 1]
    seen = []
    encoder.sentence_projection.register_forward_hook(
        lambda _m, inputs, _o: seen.append(inputs[0])
    )
    encoder.encode(batch)
    torch.testing.assert_close(seen[0], expected, rtol=0, atol=1e-12)


def test_more_padding_changes_nothing_in_training():
    encoders = [make_encoder().train(), make_encoder().train()]
    batch = encoders[0].tokenize(SENTENCES)
    longer = TokenBatch(
        nn.functional.pad(batch.ids, (0, 5), value=10**9),
        nn.functional.pad(batch.mask, (0, 5)),
    )
    one, other = encoders[0].encode(batch), encoders[1].encode(longer)
    torch.testing.assert_close(other.tokens[:, :6], one.tokens, rtol=0, atol=1e-11)
    torch.testing.assert_close(other.sentence, one.sentence, rtol=0, atol=1e-11)
    for (name, first), second in zip(
        encoders[0].named_buffers(), encoders[1].buffers(), strict=True
    ):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-12, msg=name)


@pytest.mark.parametrize("sentences", [["circle"], ["circle", "left"]])
def test_single_words_in_training(sentences):
    encoder = make_encoder().train()
    text = encoder(sentences)
    assert torch.isfinite(text.sentence).all()
    (text.tokens * torch.randn_like(text.tokens)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("read", ["tokens", "sentence"])
def test_no_parameter_is_without_gradient_where_only_one_is_read(read):
    """Training on several devices refuses parameters that nothing uses."""
    encoder = make_encoder().train()
    value = getattr(encoder(SENTENCES), read)
    (value * torch.randn_like(value)).sum().backward()
    unused = {"tokens": "sentence_projection", "sentence": "word_projection"}[read]
    for name, parameter in encoder.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        if name.startswith(unused):
            assert (parameter.grad == 0).all(), name


BUGS = {
    "state of the last place, not of the last word": (
        "batch.mask.sum(dim=1)[:, None, None] - 1",
        "batch.mask.sum(dim=1)[:, None, None] * 0 + batch.mask.shape[1] - 1",
    ),
    "first word read backwards": ("words.gather(1, last", "words.gather(1, 0 * last"),
    "directions exchanged": (
        "torch.cat([forward_state, backward_state.squeeze(1)]",
        "torch.cat([backward_state.squeeze(1), forward_state]",
    ),
    "no ReLU": (
        "torch.relu(self.word_linear(self.embed(batch)))",
        "self.word_linear(self.embed(batch))",
    ),
    "sentence not of length one": (
        "unit_length(self.sentence_projection(state, every_row), dim=1)",
        "self.sentence_projection(state, every_row)",
    ),
    "tokens of length one": (
        "tokens = self.word_projection(words, batch.mask)",
        "tokens = unit_length(self.word_projection(words, batch.mask), dim=2)",
    ),
    "words before the first projection": (
        "self.word_projection(words,",
        "self.word_projection(self.embed(batch),",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(bug):
    assert not agrees(broken(encoder_file, "ProjectedGRUTextEncoder", *BUGS[bug]))
