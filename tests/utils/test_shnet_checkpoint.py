"""SHNet's published names and shapes become a model that computes the same."""

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmris.registry import MODELS
from mmris.structures import LevelSpec, TextSpec
from mmris.utils.shnet_checkpoint import convert_shnet
from tests.conftest import REPOSITORY
from tests.references.shnet_checkpoint import published_shapes, random_weights

CONFIG = (
    REPOSITORY
    / "configs/shnet/shnet-released_dlv3p-r101-lstm_1xb32-113k_refcoco-320.py"
)
WIDTH, INNER, HEADS = 16, 24, 8
INPUTS = {"layer2": 16, "layer3": 32, "layer4": 64}
SMALL = {"width": WIDTH, "inner": INNER, "inputs": INPUTS, "last": 8, "words": 12}


def small_config(**neck):
    """The model of the release's config, narrow."""
    model = Config.fromfile(CONFIG).model
    model.text_encoder.update(
        num_embeddings=20, embedding_channels=12, hidden_channels=WIDTH
    )
    model.text_encoder.word_vectors = None
    model.backbone.update(depth=18, base_channels=8, stem_channels=8, init_cfg=None)
    model.backbone.multi_grid = (2, 4)
    model.neck.update(channels=WIDTH, ffn_channels=INNER, grid_size=(4, 4), **neck)
    model.decode_head.mask_decoder.update(channels=WIDTH, last_channels=8)
    return model


def small_model(**neck):
    return MODELS.build(small_config(**neck))


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(1)
    return random_weights(published_shapes(**SMALL))


def test_every_published_weight_has_its_place(model, weights):
    converted = convert_shnet(weights, model)
    assert converted.left_out == ()
    parts = ("neck.", "decode_head.", "text_encoder.recurrence.")
    ours = {name for name in model.state_dict() if name.startswith(parts)}
    assert set(converted.state) == ours
    assert set(converted.absent) == {"backbone", "text_encoder"}
    theirs = sum(value.numel() for value in weights.values())
    assert sum(value.numel() for value in converted.state.values()) == theirs


def test_the_names_and_shapes_at_full_size():
    """Of the config's model, on torch's meta device: no numbers."""
    config = Config.fromfile(CONFIG).model
    config.text_encoder.word_vectors = None
    config.backbone.init_cfg = None
    with torch.device("meta"):
        neck = MODELS.build(
            {
                **config.neck,
                "in_levels": tuple(
                    LevelSpec(channels, stride)
                    for channels, stride in ((512, 8), (1024, 16), (2048, 16))
                ),
                "in_text": TextSpec(512, 512),
            }
        )
        head = MODELS.build({**config.decode_head, "in_features": neck.spec})
        lstm = nn.LSTM(300, 512, batch_first=True)
    full = nn.ModuleDict({"neck": neck, "decode_head": head})
    full["text_encoder"] = nn.ModuleDict()
    full["text_encoder"]["recurrence"] = nn.ModuleDict()
    full["text_encoder"]["recurrence"]["forward_layers"] = nn.ModuleList([lstm])
    published = random_weights(published_shapes(), device="meta")
    converted = convert_shnet(published, full)
    assert set(converted.state) == set(full.state_dict())
    # Without backbone and word vectors the released form has 59.8 million parameters.
    names = {name for name, _ in full.named_parameters()}
    count = sum(converted.state[name].numel() for name in names)
    assert round(count / 1e6, 1) == 59.8


def loaded(model, weights):
    converted = convert_shnet(weights, model)
    model.load_state_dict(converted.state, strict=False)
    return model.eval()


def part(weights, prefix):
    """What torch's own module of this name takes."""
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def test_attention_is_that_of_torchs_own_layer(weights):
    """Without positions the release's layer is torch's, normalised first."""
    ours = loaded(small_model(positions=False), weights).neck.layers[1].double()
    theirs = nn.TransformerEncoderLayer(
        WIDTH, HEADS, INNER, norm_first=True, batch_first=True
    )
    theirs.load_state_dict(part(weights, "sfm.layers.1."))
    theirs = theirs.double().eval()
    tokens = torch.randn(2, 7, WIDTH, dtype=torch.float64)
    mask = torch.arange(7) < torch.tensor([[7], [4]])
    expected = theirs(tokens, src_key_padding_mask=~mask)
    assert torch.allclose(ours(tokens, None, mask)[mask], expected[mask], atol=1e-9)


def test_words_are_read_as_by_torchs_own_lstm(model, weights):
    encoder = loaded(model, weights).text_encoder
    theirs = nn.LSTM(12, WIDTH, batch_first=True)
    theirs.load_state_dict(part(weights, "text_encoder.lstm."))
    words = torch.randn(2, 5, 12)
    states, _ = encoder.recurrence(words, torch.ones(2, 5, dtype=torch.bool))
    assert torch.allclose(states, theirs(words)[0], atol=1e-6)


def test_gates_and_levels_take_their_own_weights(model, weights):
    """Each is a convolution and its normalisation; their results are compared."""
    model = loaded(model, weights)
    looked = torch.randn(2, 2 * WIDTH, 4, 4)
    for number in range(3):
        theirs = nn.Sequential(
            nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH)
        ).eval()
        theirs.load_state_dict(part(weights, f"hcam.conv_{number + 1}."))
        exchange = model.decode_head.exchange
        ours = exchange.norms[number](exchange.convs[number](looked))
        assert torch.allclose(ours, theirs(looked), atol=1e-5)
    for number, (level, channels) in enumerate(INPUTS.items()):
        seen = torch.randn(2, channels, 8, 8)  # twice the grid, as after the pooling
        theirs = nn.Sequential(
            nn.Conv2d(channels, WIDTH, 3, stride=2, padding=1),
            nn.BatchNorm2d(WIDTH),
            nn.LeakyReLU(),
        ).eval()
        theirs.load_state_dict(part(weights, f"conv_3x3.{level}."))
        assert torch.allclose(model.neck.levels[number](seen), theirs(seen), atol=1e-5)


def test_wrapped_half_precision_is_taken(model, weights):
    half = {
        f"module.{name}": value.half() if value.is_floating_point() else value
        for name, value in weights.items()
    }
    converted = convert_shnet(half, model).state
    assert converted["neck.norm.weight"].dtype == torch.float32
    assert torch.equal(
        converted["neck.layers.0.key.bias"],
        weights["sfm.layers.0.self_attn.in_proj_bias"]
        .half()
        .float()[WIDTH : 2 * WIDTH],
    )


def test_what_has_no_place_is_named(model, weights):
    more = {**weights, "conv_upsample.deconv.0.0.weight": torch.zeros(3)}
    assert convert_shnet(more, model).left_out == ("conv_upsample.deconv.0.0.weight",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transformer_encoder.0.norm.weight": torch.zeros(3)}, "a later state"),
        (
            {"mask_decoder.mask_deconv.3.bias": torch.zeros(2)},
            r"score.bias \(2,\) there, \(1,\) here.*Give a config of the released form",
        ),
    ],
)
def test_other_checkpoints_are_refused(model, weights, change, message):
    with pytest.raises(ValueError, match=message):
        convert_shnet({**weights, **change}, model)


def test_a_weight_that_is_missing_is_named(model, weights):
    less = {name: value for name, value in weights.items() if "sfm.norm" not in name}
    with pytest.raises(ValueError, match=r"2 missing .*neck.norm.weight"):
        convert_shnet(less, model)


def test_a_checkpoint_of_something_else_is_refused(model):
    with pytest.raises(ValueError, match="none of SHNet's names"):
        convert_shnet({"conv1.weight": torch.zeros(3)}, model)
