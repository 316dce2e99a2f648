"""What holds for every language model, and how parts of it are frozen and saved."""

import copy

import pytest
import torch
import transformers
from mmengine.config import ConfigDict
from mmengine.model import BaseModel
from mmengine.runner import load_checkpoint
from torch import nn

from mmris.models.text_encoders import HuggingFaceTextEncoder, TokenBatch
from mmris.registry import MODELS
from tests import language_models

# Words that all the tokenizers know.
SENTENCES = ["the red circle left", "blue circle", "a circle above the red square"]
REFERENCES = {
    "bert": "BertModel",
    "roberta": "RobertaModel",
    "distilbert": "DistilBertModel",
    "clip": "CLIPTextModelWithProjection",
    "t5": "T5EncoderModel",
}


def arguments(kind, folder, **own):
    """Arguments of a kind of encoder; ``config`` only changes what it names."""
    made = language_models.KINDS[kind](folder)
    return {**made, **own, "config": {**made["config"], **own.get("config", {})}}


@pytest.fixture
def make_encoder(tmp_path):
    def make(kind, **own):
        return HuggingFaceTextEncoder(**arguments(kind, tmp_path, **own))

    return make


@pytest.fixture(params=list(language_models.KINDS))
def kind(request):
    return request.param


@pytest.fixture
def encoder(make_encoder, kind):
    """Each kind of encoder in evaluation mode, its weights large enough to matter."""
    encoder = make_encoder(kind).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return encoder


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


def loss_of(text):
    """Something that every feature moves: a plain sum of normalised ones is constant"""
    torch.manual_seed(1)
    tokens = text.tokens * torch.randn_like(text.tokens)
    return tokens.sum() + (text.sentence * torch.randn_like(text.sentence)).sum()


def test_widths_are_as_told(encoder):
    text = encoder(SENTENCES)
    assert text.tokens.shape[::2] == (3, encoder.spec.token_channels)
    assert text.sentence.shape == (3, encoder.spec.sentence_channels)
    special = encoder.tokenizer.num_leading + encoder.tokenizer.num_trailing
    assert special in (1, 2)
    assert (text.mask.sum(1) >= torch.tensor([4, 2, 6]) + special).all()
    assert text.mask.any(0).all()


def test_padding_is_on_the_right_and_exactly_zero(encoder):
    text = encoder(SENTENCES)
    assert (text.mask.int().diff(dim=1) <= 0).all()
    assert not text.mask.all()
    assert (text.tokens[~text.mask] == 0).all()
    assert (text.tokens[text.mask] != 0).any(-1).all()


@pytest.mark.parametrize("value", [5, 1, 10**9, -1])
def test_padding_is_invisible(encoder, value):
    batch = encoder.tokenize(SENTENCES)
    length = batch.ids.shape[1]
    text, padded = encoder.encode(batch), encoder.encode(pad(batch, 4, value))
    torch.testing.assert_close(padded.tokens[:, :length], text.tokens)
    torch.testing.assert_close(padded.sentence, text.sentence)
    assert (padded.tokens[:, length:] == 0).all()


def test_batched_equals_single(encoder):
    text = encoder(SENTENCES)
    for row, sentence in enumerate(SENTENCES):
        single = encoder([sentence])
        length = single.tokens.shape[1]
        assert text.mask[row].sum() == length
        torch.testing.assert_close(text.tokens[row, :length], single.tokens[0])
        torch.testing.assert_close(text.sentence[row], single.sentence[0])


def test_every_word_matters(encoder, kind):
    one, other = encoder(["the red circle left"]), encoder(["the red square left"])
    assert (one.sentence - other.sentence).abs().max() > 1e-3
    length = min(one.tokens.shape[1], other.tokens.shape[1])
    changed = (one.tokens[:, :length] - other.tokens[:, :length]).abs().amax(-1)[0]
    if kind == "clip":  # causal: words before it do not know it
        assert (changed[:3] == 0).all()
        assert (changed[3:] > 1e-4).all()
    else:
        assert (changed > 1e-4).all()


def test_equals_the_model_of_transformers(make_encoder, tmp_path, kind):
    """Its own class, fed as its documentation says, with its tokenizer's padding."""
    encoder = make_encoder(kind, projected=kind == "clip").eval()
    torch.manual_seed(3)
    config = transformers.AutoConfig.for_model(**arguments(kind, tmp_path)["config"])
    reference = getattr(transformers, REFERENCES[kind])(config).eval()
    loaded = encoder._family.core_of(reference).load_state_dict(
        encoder.model.state_dict(), strict=False
    )
    assert all(name.startswith("pooler.") for name in loaded.missing_keys)
    assert not loaded.unexpected_keys
    if kind == "clip":
        reference.text_projection.load_state_dict(encoder.projection.state_dict())
    batch = encoder.tokenizer.tokenizer(
        SENTENCES, padding=True, return_tensors="pt", return_token_type_ids=False
    )
    with torch.no_grad():
        theirs = reference(**batch)
    text = encoder(SENTENCES)
    assert torch.equal(text.mask, batch["attention_mask"].bool())
    hidden = theirs.last_hidden_state
    torch.testing.assert_close(text.tokens[text.mask], hidden[text.mask])
    if kind == "clip":
        torch.testing.assert_close(text.sentence, theirs.text_embeds)
    elif kind == "t5":
        for row, length in enumerate(text.mask.sum(1)):
            mean = hidden[row, :length].mean(0)
            torch.testing.assert_close(text.sentence[row], mean)
    else:
        assert torch.equal(text.sentence, text.tokens[:, 0])


def test_sentence_of_clip_is_its_end_of_text(make_encoder):
    encoder = make_encoder("clip").eval()
    text = encoder(SENTENCES)
    assert encoder.projection is None
    assert encoder.spec.sentence_channels == 8
    for row, length in enumerate(text.mask.sum(1)):
        assert torch.equal(text.sentence[row], text.tokens[row, length - 1])


def test_projection_changes_the_width_of_the_sentence(make_encoder):
    encoder = make_encoder("clip", projected=True)
    assert encoder.spec.token_channels == 8
    assert encoder.spec.sentence_channels == 6
    assert encoder(SENTENCES).sentence.shape == (3, 6)


def test_special_tokens_can_be_left_out(encoder):
    kept = encoder(SENTENCES)
    encoder.keep_special_tokens = False
    words = encoder(SENTENCES)
    first, last = encoder.tokenizer.num_leading, encoder.tokenizer.num_trailing
    assert words.tokens.shape[1] == kept.tokens.shape[1] - first - last
    assert torch.equal(words.mask.sum(1), kept.mask.sum(1) - first - last)
    assert (words.mask.int().diff(dim=1) <= 0).all()
    assert torch.equal(words.sentence, kept.sentence)
    assert (words.tokens[~words.mask] == 0).all()
    for row, length in enumerate(kept.mask.sum(1)):
        expected = kept.tokens[row, first : length - last]
        assert torch.equal(words.tokens[row, : len(expected)], expected)


def test_a_sentence_without_words_has_one(make_encoder):
    encoder = make_encoder("bert", keep_special_tokens=False)
    assert encoder(["\u200b"]).mask.tolist() == [[True]]


@pytest.mark.parametrize("keep", [True, False])
def test_every_parameter_has_a_gradient(make_encoder, kind, keep):
    encoder = make_encoder(kind, keep_special_tokens=keep, projected=kind == "clip")
    loss_of(encoder.train()(SENTENCES)).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # Softmax does not see a constant added to all keys.
        if not name.endswith(("key.bias", "k_proj.bias", "k_lin.bias")):
            assert parameter.grad.abs().sum() > 0, name


def test_tokens_alone_reach_every_parameter(make_encoder, kind):
    encoder = make_encoder(kind, keep_special_tokens=False)
    text = encoder.train()(SENTENCES)
    (text.tokens * torch.randn_like(text.tokens)).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_compiled_equals_eager(encoder):
    model = IdsToFeatures(encoder)
    batch = encoder.tokenize(SENTENCES)
    torch.compiler.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(
        compiled(batch.ids, batch.mask), model(batch.ids, batch.mask)
    )


def test_compiles_from_strings(make_encoder):
    encoder = make_encoder("bert").eval()
    torch.compiler.reset()
    text = torch.compile(encoder, backend="aot_eager")(SENTENCES)
    torch.testing.assert_close(text.sentence, encoder(SENTENCES).sentence)


def test_exported_equals_eager(encoder):
    model = IdsToFeatures(encoder)
    batch = encoder.tokenize(SENTENCES)
    sizes = {0: torch.export.Dim("n", max=64), 1: torch.export.Dim("t", min=2, max=40)}
    program = torch.export.export(
        model, (batch.ids, batch.mask), dynamic_shapes=(sizes, sizes)
    )
    for other in (batch, encoder.tokenize(SENTENCES[:1]), pad(batch, 5, 0)):
        torch.testing.assert_close(
            program.module()(other.ids, other.mask), model(other.ids, other.mask)
        )


def test_a_frozen_encoder_stays_as_it_is(make_encoder, kind):
    encoder = make_encoder(kind, frozen=True, projected=kind == "clip")
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    encoder.train()
    assert not any(part.training for part in list(encoder.modules())[1:])
    text = encoder(SENTENCES)
    assert not text.tokens.requires_grad
    assert not text.sentence.requires_grad
    assert torch.equal(text.tokens, encoder(SENTENCES).tokens)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_embeddings_and_first_layers_can_be_frozen(make_encoder, kind, count):
    encoder = make_encoder(kind, num_frozen_layers=count)
    encoder.train(False)
    encoder.train()
    layers = encoder._layers()
    embeddings = encoder.model.get_submodule(encoder._family.embeddings)
    assert len(layers) == 2
    for part in (embeddings, *layers[:count]):
        assert not any(parameter.requires_grad for parameter in part.parameters())
        assert not any(module.training for module in part.modules())
    for part in layers[count:]:
        assert all(parameter.requires_grad for parameter in part.parameters())
        assert all(module.training for module in part.modules())
    text = encoder(SENTENCES)
    if count < 2 or kind in ("clip", "t5"):  # those have a final norm
        loss_of(text).backward()
    for name, parameter in encoder.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_nothing_is_frozen_unless_asked(encoder):
    encoder.train()
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    assert all(module.training for module in encoder.modules())


def test_dropout_is_of_training_only(make_encoder):
    encoder = make_encoder("bert").train()
    assert not torch.equal(encoder(SENTENCES).tokens, encoder(SENTENCES).tokens)
    encoder.eval()
    assert torch.equal(encoder(SENTENCES).tokens, encoder(SENTENCES).tokens)


def test_frozen_layers_out_of_range(make_encoder):
    for count in (-1, 3):
        with pytest.raises(ValueError, match=f"is {count}, but the model has 2 layers"):
            make_encoder("bert", num_frozen_layers=count)
    with pytest.raises(ValueError, match="the whole encoder is frozen already"):
        make_encoder("bert", frozen=True, num_frozen_layers=1)


def test_state_dict_round_trip(make_encoder, kind, tmp_path):
    one, other = make_encoder(kind).eval(), make_encoder(kind).eval()
    state = one.state_dict()
    # Tensors only, as safetensors and averaged models want it.
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    names = {name for name, _ in one.named_parameters()}
    assert set(state) == names | {"_extra_state"}
    torch.save(state, tmp_path / "state.pth")
    other.load_state_dict(torch.load(tmp_path / "state.pth", weights_only=True))
    assert torch.equal(one(SENTENCES).tokens, other(SENTENCES).tokens)


def test_the_tokenizer_is_copied_with_the_model(encoder):
    twin = copy.deepcopy(encoder)
    assert torch.equal(twin(SENTENCES).tokens, encoder(SENTENCES).tokens)


class Model(BaseModel):
    def __init__(self, encoder):
        super().__init__()
        self.text_encoder = encoder

    def forward(self):
        return None


def test_a_checkpoint_of_another_tokenizer_is_refused(make_encoder, tmp_path):
    one = make_encoder("bert")
    words = [*language_models.WORDS[:-1], "zebra", "##ish"]
    (tmp_path / "other").mkdir()
    path = language_models.write_word_pieces(tmp_path / "other", words)
    other = HuggingFaceTextEncoder(
        **{**arguments("bert", tmp_path), "tokenizer": str(path)}
    )
    message = r"another tokenizer, of 16 tokens .* Name the tokenizer of the training"
    with pytest.raises(ValueError, match=message):
        other.load_state_dict(one.state_dict())
    # MMEngine's own loading, which only logs much of what does not fit.
    torch.save({"state_dict": Model(one).state_dict()}, tmp_path / "epoch_1.pth")
    with pytest.raises(ValueError, match=message):
        load_checkpoint(Model(other), str(tmp_path / "epoch_1.pth"))


def test_a_checkpoint_of_other_sizes_is_refused(make_encoder, tmp_path):
    one = make_encoder("bert", config={"vocab_size": 20})
    torch.save({"state_dict": Model(one).state_dict()}, tmp_path / "epoch_1.pth")
    with pytest.raises(
        ValueError,
        match=r"word_embeddings.weight of shape \(20, 8\), the model of \(16, 8\)",
    ):
        load_checkpoint(Model(make_encoder("bert")), str(tmp_path / "epoch_1.pth"))


@pytest.mark.parametrize(
    "state", [torch.ones(3), torch.tensor([1, 2], dtype=torch.uint8), "zebra", None]
)
def test_damaged_fingerprints(make_encoder, state):
    encoder = make_encoder("bert")
    with pytest.raises(ValueError, match="does not say which tokenizer it was trained"):
        encoder.load_state_dict({**encoder.state_dict(), "_extra_state": state})


def test_random_weights_are_not_drawn_again(encoder):
    before = copy.deepcopy(encoder.state_dict())
    model = Model(encoder)
    model.init_weights()
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_lone_strings_and_no_sentence(make_encoder):
    encoder = make_encoder("bert")
    with pytest.raises(TypeError, match="where a list of sentences belongs"):
        encoder("the red circle")
    with pytest.raises(TypeError, match="sentence 2 of 2 is 3, of type int"):
        encoder(["red", 3])
    with pytest.raises(ValueError, match="sentence 1 of 2 is blank"):
        encoder([" ", "red"])
    with pytest.raises(ValueError, match="got no sentence to encode"):
        encoder([])


def test_a_tokenizer_is_needed(make_encoder):
    with pytest.raises(ValueError, match="tokenizer is not given, and random weights"):
        make_encoder("bert", tokenizer=None)


def test_registered(tmp_path):
    config = {"type": "HuggingFaceTextEncoder", **arguments("bert", tmp_path)}
    encoder = MODELS.build(ConfigDict(config))  # as a config file has it
    assert type(encoder) is HuggingFaceTextEncoder
