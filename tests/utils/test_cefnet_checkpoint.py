"""CEFNet's published names and shapes become a model that computes the same."""

import pytest
import torch
from mmengine.config import Config

from mmris.registry import MODELS
from mmris.utils.cefnet_checkpoint import convert_cefnet
from tests.conftest import REPOSITORY
from tests.references.cefnet_checkpoint import Released, published_shapes
from tests.references.shnet_checkpoint import random_weights

FOLDER = REPOSITORY / "configs/cefnet"
NAME = "cefnet_r101-gru_1xb12-200k_refcoco-320.py"
SMALL = {"stem": 8, "levels": (8, 16, 32, 64), "width": 16, "key": 8, "words": 12}
WIDTHS = {1: 4, 2: 8, 3: 12, 4: 16, 5: 20}
SPECIALS = ["<pad>", "<go>", "<eos>", "<unk>"]
WORDS = ["red", "circle", "the", "left", "of", "a", "b", "c"]


def small_config(*, asymmetric=True, **attention):
    """The model of the paper's config, narrow."""
    name = NAME if asymmetric else NAME.replace("cefnet_", "cefnet-vanilla_")
    model = Config.fromfile(FOLDER / name).model
    model.text_encoder.update(
        num_embeddings=SMALL["words"],
        embedding_channels=SMALL["width"],
        hidden_channels=SMALL["width"],
        channels=SMALL["width"],
    )
    model.backbone.update(
        type="mmseg.ResNet", depth=18, base_channels=8, stem_channels=8, init_cfg=None
    )
    model.neck.block.channels = SMALL["width"]
    model.neck.block.co_attention.update(attention_channels=SMALL["key"], **attention)
    model.decode_head.channels = tuple(WIDTHS.values())
    return model


def small_weights(*, asymmetric=True, seed=1):
    torch.manual_seed(seed)
    return random_weights(
        published_shapes(asymmetric=asymmetric, widths=WIDTHS, **SMALL)
    )


@pytest.mark.parametrize("asymmetric", [True, False], ids=["asymmetric", "vanilla"])
def test_the_model_computes_what_the_release_does(asymmetric, tmp_path):
    weights = small_weights(asymmetric=asymmetric)
    words = tmp_path / "words.txt"
    words.write_text("\n".join([*SPECIALS, *WORDS]))
    config = small_config(asymmetric=asymmetric)
    config.text_encoder.vocabulary = str(words)
    model = MODELS.build(config)
    converted = convert_cefnet(weights, model, with_words=True)
    assert converted.left_out == ()
    found = model.load_state_dict(converted.state, strict=False)
    assert set(found.missing_keys) <= {"text_encoder._extra_state"}
    assert found.unexpected_keys == []
    model = model.double().eval()
    picture = 255 * torch.rand(3, 64, 64, dtype=torch.float64)
    mean, std = (
        torch.tensor(values, dtype=torch.float64)[:, None, None]
        for values in (converted.mean, converted.std)
    )
    with torch.no_grad():
        text = model.text_encoder(["the red circle"])
        encoded = model.encode_image(((picture - mean) / std)[None])
        logits = model.decode_text(encoded, text, torch.tensor([0])).logits[0, 0]
        expected = Released(weights, asymmetric=asymmetric)(picture, [6, 4, 5])
    assert expected.std() > 1e-3
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_every_published_weight_has_its_place():
    model = MODELS.build(small_config())
    converted = convert_cefnet(small_weights(), model, with_words=True)
    assert converted.left_out == ()
    ours = {name for name in model.state_dict() if not name.endswith("_extra_state")}
    assert set(converted.state) == ours


def test_full_size_names_and_shapes_are_those_of_the_config():
    config = Config.fromfile(FOLDER / NAME).model
    config.backbone.update(depth=18, init_cfg=None)
    model = MODELS.build(config)
    shapes = published_shapes(
        asymmetric=True,
        stem=64,
        levels=(64, 128, 256, 512),
        width=512,
        key=256,
        words=12112,
    )
    weights = {name: torch.zeros(shape) for name, shape in shapes.items()}
    assert convert_cefnet(weights, model, with_words=True).left_out == ()


def test_without_words_the_embedding_is_left_out():
    model = MODELS.build(small_config())
    converted = convert_cefnet(small_weights(), model, with_words=False)
    assert converted.left_out == ("textmodel.embedding.weight",)
    assert "text_encoder.embedding.weight" not in converted.state


@pytest.mark.parametrize("asymmetric", [True, False])
def test_another_co_attention_is_refused(asymmetric):
    model = MODELS.build(small_config(asymmetric=not asymmetric))
    with pytest.raises(ValueError, match="give a config of the former"):
        convert_cefnet(small_weights(asymmetric=asymmetric), model, with_words=True)


def test_other_shapes_and_missing_weights_are_refused():
    model = MODELS.build(small_config(affinity_norm=True))
    weights = small_weights()
    weights["lang_c3_3.conv.weight"] = torch.zeros(1, 2, 3, 3)
    with pytest.raises(ValueError, match="not those of this model: .*mix.0"):
        convert_cefnet(weights, model, with_words=True)
    weights = small_weights()
    del weights["edge_fusion2.weight"]
    with pytest.raises(ValueError, match=r"decode_head.steps.0.edge.weight"):
        convert_cefnet(weights, model, with_words=True)


def test_something_else_is_refused():
    model = MODELS.build(small_config())
    with pytest.raises(ValueError, match="none of CEFNet's names"):
        convert_cefnet({"conv1.weight": torch.zeros(1)}, model, with_words=True)
