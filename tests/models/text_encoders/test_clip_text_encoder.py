"""CLIP's text transformer against transformers' and a transcription."""

import copy

import pytest
import torch
import transformers
from mmengine.config import ConfigDict
from mmengine.runner import load_checkpoint

from mmris.models.text_encoders import CLIPTextEncoder
from mmris.models.text_encoders.hugging_face_families import FAMILIES
from mmris.registry import MODELS
from tests.models.text_encoders.test_hugging_face_text_encoder import (
    IdsToFeatures,
    Model,
    pad,
)
from tests.references.clip_text import clip_text, openai_names

SENTENCES = ["the red circle left", "blue circle", "a circle above the red square!"]
START, END = 49406, 49407
HEADS = 4


def make_encoder(cls=CLIPTextEncoder, **own):
    """A small one in float64 and evaluation mode, whose weights all matter."""
    torch.manual_seed(0)
    settings = {"channels": 16, "num_layers": 3, "num_heads": HEADS}
    encoder = cls(**{**settings, "projection_channels": 6, **own})
    encoder.double().eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return encoder


@pytest.fixture(scope="module")
def encoder():
    return make_encoder()


def transformers_model(encoder):
    """transformers' CLIP with the same weights, its own names."""
    config = transformers.CLIPTextConfig(
        hidden_size=16,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=HEADS,
        projection_dim=6,
        bos_token_id=START,
        eos_token_id=END,
    )
    model = transformers.CLIPTextModelWithProjection(config).double().eval()
    core = FAMILIES["clip_text_model"].core_of(model)
    ours, theirs = encoder.state_dict(), {}
    embeddings = ("token_embedding", "positional_embedding")
    for name, other in zip(embeddings, ("token_embedding", "position_embedding")):
        theirs[f"embeddings.{other}.weight"] = ours[f"{name}.weight"]
    parts = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    for k in range(3):
        old, new = f"transformer.{k}", f"encoder.layers.{k}"
        for key in ("weight", "bias"):
            for name, other in parts.items():
                theirs[f"{new}.{other}.{key}"] = ours[f"{old}.{name}.{key}"]
            joint = ours[f"{old}.attn.in_proj.{key}"].chunk(3)
            for part, value in zip("qkv", joint):
                theirs[f"{new}.self_attn.{part}_proj.{key}"] = value
    for key in ("weight", "bias"):
        theirs[f"final_layer_norm.{key}"] = ours[f"ln_final.{key}"]
    report = core.load_state_dict(theirs, strict=False)
    assert not report.unexpected_keys
    assert all("position_ids" in name for name in report.missing_keys)
    weight = {"weight": ours["text_projection.weight"]}
    model.text_projection.load_state_dict(weight)
    return model


@pytest.fixture
def default_dtype():
    """Switches torch's own, back to what it was in the end."""
    yield torch.set_default_dtype
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-5), ("float64", 1e-10)])
def test_equals_that_of_transformers(encoder, dtype, bound, default_dtype):
    dtype = getattr(torch, dtype)
    default_dtype(dtype)  # theirs makes its causal mask in it
    own = copy.deepcopy(encoder).to(dtype)
    model = transformers_model(encoder).to(dtype)
    batch = own.tokenize(SENTENCES)
    ids = batch.ids.masked_fill(~batch.mask, END)  # with which theirs pads
    with torch.no_grad():
        theirs = model(input_ids=ids, attention_mask=batch.mask.long())
        text = own(SENTENCES)
    hidden = theirs.last_hidden_state
    assert hidden.std() > 0.5
    kwargs = {"rtol": 0, "atol": bound}
    torch.testing.assert_close(text.tokens[batch.mask], hidden[batch.mask], **kwargs)
    torch.testing.assert_close(text.sentence, theirs.text_embeds, **kwargs)


def test_equals_a_word_at_a_time(encoder):
    weights = openai_names(encoder)
    with torch.no_grad():
        text = encoder(SENTENCES)
        for row, ids in enumerate(encoder.tokenizer(SENTENCES)):
            tokens, sentence = clip_text(weights, ids, HEADS)
            found = text.tokens[row, : len(ids)]
            torch.testing.assert_close(found, tokens, rtol=0, atol=1e-10)
            torch.testing.assert_close(text.sentence[row], sentence, rtol=0, atol=1e-10)


def test_ids_are_those_of_clip(encoder):
    batch = encoder.tokenize(["a photo of a cat", "a diagram"])
    assert batch.ids[0].tolist() == [START, 320, 1125, 539, 320, 2368, END]
    assert batch.ids[1, :4].tolist() == [START, 320, 22697, END]
    assert batch.mask.sum(1).tolist() == [7, 4]


def test_only_the_longest_sentence_counts(encoder):
    assert encoder(SENTENCES).tokens.shape == (3, 9, 16)
    assert encoder(SENTENCES[1:2]).tokens.shape == (1, 4, 16)


def test_a_long_sentence_keeps_its_end():
    encoder = make_encoder(max_words=5)
    (row,) = encoder.tokenizer(["the red circle left of a square"])
    assert len(row) == 5
    assert (row[0], row[-1]) == (START, END)
    assert encoder(["the red circle left"]).tokens.shape == (1, 5, 16)
    (whole,) = make_encoder().tokenizer(["red " * 200])
    assert len(whole) == 77
    assert whole[-1] == END


def test_exclamation_marks_are_no_padding(encoder):
    """Their first half has the id 0, which CLIP pads with too."""
    batch = encoder.tokenize(["wow !( here"])
    assert 0 in batch.ids[0].tolist()
    assert batch.mask.all()


@pytest.mark.parametrize("value", [0, END, 10**9, -1])
def test_padding_is_invisible(encoder, value):
    batch = encoder.tokenize(SENTENCES)
    length = batch.ids.shape[1]
    text, padded = encoder.encode(batch), encoder.encode(pad(batch, 4, value))
    torch.testing.assert_close(padded.tokens[:, :length], text.tokens)
    torch.testing.assert_close(padded.sentence, text.sentence)
    assert (padded.tokens[:, length:] == 0).all()
    assert (text.tokens[~text.mask] == 0).all()
    assert (text.tokens[text.mask] != 0).any(-1).all()


def test_batched_equals_single(encoder):
    text = encoder(SENTENCES)
    for row, sentence in enumerate(SENTENCES):
        single = encoder([sentence])
        length = single.tokens.shape[1]
        assert text.mask[row].sum() == length
        torch.testing.assert_close(text.tokens[row, :length], single.tokens[0])
        torch.testing.assert_close(text.sentence[row], single.sentence[0])


def test_words_do_not_know_those_to_come(encoder):
    one, other = encoder(["the red circle left"]), encoder(["the red square left"])
    changed = (one.tokens - other.tokens).abs().amax(-1)[0]
    assert (changed[:3] == 0).all()
    assert (changed[3:] > 1e-4).all()
    assert (one.sentence - other.sentence).abs().max() > 1e-3


def test_widths_are_as_told(encoder):
    assert encoder.spec.token_channels == 16
    assert encoder.spec.sentence_channels == 6
    plain = make_encoder(projection_channels=None)
    text = plain(SENTENCES)
    assert plain.text_projection is None
    assert plain.spec.sentence_channels == text.sentence.shape[1] == 16
    for row, length in enumerate(text.mask.sum(1)):
        assert torch.equal(text.sentence[row], text.tokens[row, length - 1])


def test_special_tokens_can_be_left_out(encoder):
    kept, words = encoder(SENTENCES), make_encoder(keep_special_tokens=False)(SENTENCES)
    assert words.tokens.shape[1] == kept.tokens.shape[1] - 2
    assert torch.equal(words.sentence, kept.sentence)
    for row, length in enumerate(kept.mask.sum(1)):
        expected = kept.tokens[row, 1 : length - 1]
        assert torch.equal(words.tokens[row, : len(expected)], expected)
        assert words.mask[row].sum() == len(expected)


@pytest.mark.parametrize("used", ["tokens", "sentence"])
def test_either_result_reaches_every_layer(used):
    encoder = make_encoder(projection_channels=6 if used == "sentence" else None)
    result = getattr(encoder(SENTENCES), used)
    (result * torch.randn_like(result)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 1e-9, name
    # Softmax does not see a constant added to all keys.
    for layer in encoder.transformer:
        assert layer.attn.in_proj.bias.grad[16:32].abs().max() < 1e-12


def test_compiled_equals_eager(encoder):
    model, batch = IdsToFeatures(encoder), encoder.tokenize(SENTENCES)
    torch.compiler.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(
        compiled(batch.ids, batch.mask), model(batch.ids, batch.mask)
    )


def test_compiles_from_strings(encoder):
    torch.compiler.reset()
    text = torch.compile(encoder, backend="aot_eager")(SENTENCES)
    torch.testing.assert_close(text.sentence, encoder(SENTENCES).sentence)


def test_exported_equals_eager(encoder):
    model, batch = IdsToFeatures(encoder), encoder.tokenize(SENTENCES)
    sizes = {0: torch.export.Dim("n", max=64), 1: torch.export.Dim("t", min=2, max=77)}
    program = torch.export.export(
        model, (batch.ids, batch.mask), dynamic_shapes=(sizes, sizes)
    )
    for other in (batch, encoder.tokenize(SENTENCES[:1]), pad(batch, 5, 0)):
        torch.testing.assert_close(
            program.module()(other.ids, other.mask), model(other.ids, other.mask)
        )


def test_bfloat16(encoder):
    own = copy.deepcopy(encoder).float()
    with torch.autocast("cpu", torch.bfloat16):
        text = own(SENTENCES)
    expected = own(SENTENCES)
    for one, other in (
        (text.tokens, expected.tokens),
        (text.sentence, expected.sentence),
    ):
        assert one.isfinite().all()
        assert (one - other).norm() < 0.05 * other.norm()


def test_a_frozen_encoder_stays_as_it_is():
    encoder = make_encoder(frozen=True)
    encoder.train()
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not any(part.training for part in list(encoder.modules())[1:])
    assert not encoder(SENTENCES).sentence.requires_grad


@pytest.mark.parametrize("count", [0, 2, 3])
def test_embeddings_and_first_layers_can_be_frozen(count):
    encoder = make_encoder(num_frozen_layers=count)
    encoder.train()
    text = encoder(SENTENCES)
    (text.tokens.sum() + text.sentence.sum()).backward()
    frozen = ("token_embedding.", "positional_embedding.")
    frozen += tuple(f"transformer.{k}." for k in range(count))
    for name, parameter in encoder.named_parameters():
        assert parameter.requires_grad != name.startswith(frozen), name
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_random_weights_are_those_of_clip():
    torch.manual_seed(0)
    encoder = CLIPTextEncoder(channels=64, num_layers=2, num_heads=1)
    layer = encoder.transformer[0]
    for weight, deviation in (
        (encoder.token_embedding.weight, 0.02),
        (encoder.positional_embedding.weight, 0.01),
        (layer.attn.in_proj.weight, 64**-0.5),
        (layer.attn.out_proj.weight, 64**-0.5 * 4**-0.5),
        (layer.mlp.c_fc.weight, 128**-0.5),
        (layer.mlp.c_proj.weight, 64**-0.5 * 4**-0.5),
        (encoder.text_projection.weight, 64**-0.5),
    ):
        assert weight.std().item() == pytest.approx(deviation, rel=0.05)
    before = copy.deepcopy(encoder.state_dict())
    encoder.init_weights()
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_parameters_are_as_many_as_published():
    with torch.device("meta"):
        encoder = CLIPTextEncoder(projection_channels=1024)
    count = sum(parameter.numel() for parameter in encoder.parameters())
    # RN50's 102,007,137 without the image encoder and the temperature.
    assert count == 102_007_137 - 38_316_896 - 1


def test_state_dict_round_trip(encoder, tmp_path):
    other = make_encoder()
    with torch.no_grad():
        other.ln_final.weight.zero_()
    state = encoder.state_dict()
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    torch.save(state, tmp_path / "state.pth")
    other.load_state_dict(torch.load(tmp_path / "state.pth", weights_only=True))
    assert torch.equal(other(SENTENCES).tokens, encoder(SENTENCES).tokens)


def test_a_checkpoint_of_another_clip_is_refused(tmp_path):
    torch.save({"state_dict": Model(make_encoder()).state_dict()}, tmp_path / "a.pth")
    message = (
        r"text_projection.weight of shape \(6, 16\), the model of \(7, 16\): it is of "
        r"another CLIP. Give model.text_encoder its channels and projection_channels"
    )
    with pytest.raises(ValueError, match=message):
        load_checkpoint(
            Model(make_encoder(projection_channels=7)), str(tmp_path / "a.pth")
        )


def test_values_out_of_range():
    with pytest.raises(
        ValueError, match="num_heads is 3, which does not divide the 16"
    ):
        make_encoder(num_heads=3)
    with pytest.raises(
        ValueError, match="num_layers is 0; set model.text_encoder.num_"
    ):
        make_encoder(num_layers=0)
    with pytest.raises(ValueError, match="max_words is 2, 2 of them special tokens"):
        make_encoder(max_words=2)
    with pytest.raises(
        ValueError, match="max_words is 78, but the model has positions"
    ):
        make_encoder(max_words=78)
    with pytest.raises(ValueError, match="is 4, but the model has 3 layers"):
        make_encoder(num_frozen_layers=4)
    with pytest.raises(ValueError, match="the whole encoder is frozen already"):
        make_encoder(frozen=True, num_frozen_layers=1)


def test_lone_strings_and_no_sentence(encoder):
    with pytest.raises(TypeError, match="where a list of sentences belongs"):
        encoder("the red circle")
    with pytest.raises(ValueError, match="got no sentence to encode"):
        encoder([])


def test_registered():
    config = {"type": "CLIPTextEncoder", "channels": 8, "num_layers": 1, "num_heads": 1}
    encoder = MODELS.build(ConfigDict(config))  # as a config file has it
    assert type(encoder) is CLIPTextEncoder
