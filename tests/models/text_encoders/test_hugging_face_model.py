"""Configs and weights: where they come from, and what is said when they do not come."""

import json

import huggingface_hub
import pytest
import torch
import transformers
from mmengine.model import BaseModel

from mmris.models.text_encoders import HuggingFaceTextEncoder
from tests import language_models

SENTENCES = ["the red circle left", "blue circle"]
CLASSES = {
    "bert": "BertModel",
    "roberta": "RobertaModel",
    "distilbert": "DistilBertModel",
    "clip": "CLIPTextModelWithProjection",
    "t5": "T5ForConditionalGeneration",
}


def made_by_transformers(kind, folder, **changes):
    """A model that its own class made, and the tokenizer for it."""
    arguments = language_models.KINDS[kind](folder)
    config = transformers.AutoConfig.for_model(**{**arguments["config"], **changes})
    torch.manual_seed(5)
    model = getattr(transformers, CLASSES[kind])(config).eval()
    return model, arguments["tokenizer"]


@pytest.fixture
def folder(tmp_path):
    """A complete folder of a BERT."""
    model, _ = made_by_transformers("bert", tmp_path)
    model.save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def offline(monkeypatch):
    """The hub, if asked, answers as without a network, at once."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(transformers.utils.hub, "_is_offline_mode", True, raising=False)


class Model(BaseModel):
    def __init__(self, encoder):
        super().__init__()
        self.text_encoder = encoder

    def forward(self):
        return None


@pytest.mark.parametrize("kind", list(CLASSES))
def test_weights_of_a_folder(kind, tmp_path):
    model, tokenizer = made_by_transformers(kind, tmp_path)
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    encoder = HuggingFaceTextEncoder(
        pretrained=str(folder), tokenizer=tokenizer, projected=kind == "clip"
    ).eval()
    Model(encoder).init_weights()  # as training does
    expected = encoder._family.core_of(model).state_dict()
    own = encoder.model.state_dict()
    assert set(own) <= set(expected)
    for name, value in own.items():
        assert torch.equal(value, expected[name]), name
    if kind == "clip":
        assert torch.equal(encoder.projection.weight, model.text_projection.weight)
    text = encoder(SENTENCES)
    assert text.sentence.shape == (2, encoder.spec.sentence_channels)


def test_clip_with_its_image_part(tmp_path):
    sizes = {**language_models.SIZES, "projection_dim": 6}
    config = transformers.CLIPConfig(
        text_config=sizes,
        vision_config={**sizes, "image_size": 8, "patch_size": 4},
        projection_dim=6,
    )
    model = transformers.CLIPModel(config)
    model.save_pretrained(tmp_path)
    encoder = HuggingFaceTextEncoder(
        pretrained=str(tmp_path), tokenizer="clip", projected=True
    )
    encoder.init_weights()
    assert torch.equal(encoder.projection.weight, model.text_projection.weight)
    assert torch.equal(
        encoder.model.embeddings.token_embedding.weight,
        model.text_model.embeddings.token_embedding.weight,
    )


def test_weights_of_half_precision_become_full(folder):
    model, _ = made_by_transformers("bert", folder)
    model.to(torch.bfloat16).save_pretrained(folder)
    encoder = HuggingFaceTextEncoder(pretrained=str(folder))
    encoder.init_weights()
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    weight = encoder.model.embeddings.word_embeddings.weight
    assert torch.equal(weight, model.embeddings.word_embeddings.weight.float())


def test_the_folder_has_the_tokenizer(folder):
    encoder = HuggingFaceTextEncoder(pretrained=str(folder))
    assert encoder.tokenizer(["red circle"]) == [[2, 7, 9, 3]]


def test_weights_are_needed_before_use(folder):
    encoder = HuggingFaceTextEncoder(pretrained=str(folder))
    with pytest.raises(RuntimeError, match=r"were not read yet; call the model's init"):
        encoder(SENTENCES)


def test_a_checkpoint_makes_pretrained_weights_unnecessary(folder):
    trained = HuggingFaceTextEncoder(pretrained=str(folder)).eval()
    trained.init_weights()
    with torch.no_grad():
        trained.model.embeddings.word_embeddings.weight.mul_(2)
    (folder / "model.safetensors").unlink()
    encoder = HuggingFaceTextEncoder(pretrained=str(folder)).eval()
    encoder.load_state_dict(trained.state_dict())
    encoder.init_weights()
    assert torch.equal(encoder(SENTENCES).tokens, trained(SENTENCES).tokens)


def test_frozen_layers_get_pretrained_weights(folder):
    encoder = HuggingFaceTextEncoder(pretrained=str(folder), frozen=True)
    encoder.init_weights()
    model, _ = made_by_transformers("bert", folder)
    weight = encoder.model.embeddings.word_embeddings.weight
    assert torch.equal(weight, model.embeddings.word_embeddings.weight)
    assert not weight.requires_grad


def test_folder_without_weights(folder):
    (folder / "model.safetensors").unlink()
    encoder = HuggingFaceTextEncoder(pretrained=str(folder))
    with pytest.raises(OSError, match=r"gives no weights that fit its config: Error n"):
        encoder.init_weights()


def test_folder_with_incomplete_weights(folder):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "num_hidden_layers": 3}))
    encoder = HuggingFaceTextEncoder(pretrained=str(folder))
    with pytest.raises(
        ValueError, match=r"lack 16 that the model has, encoder.layer.2"
    ):
        encoder.init_weights()


def test_folder_with_weights_of_other_sizes(folder):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "intermediate_size": 20}))
    encoder = HuggingFaceTextEncoder(pretrained=str(folder))
    with pytest.raises(OSError, match="gives no weights that fit its config"):
        encoder.init_weights()


def test_clip_without_projection_has_none_to_give(tmp_path):
    config = transformers.CLIPTextConfig(**language_models.SIZES, projection_dim=6)
    transformers.CLIPTextModel(config).save_pretrained(tmp_path)
    encoder = HuggingFaceTextEncoder(
        pretrained=str(tmp_path), tokenizer="clip", projected=True
    )
    with pytest.raises(ValueError, match=r"lack 1 .* text_projection.weight"):
        encoder.init_weights()


def test_folder_missing(tmp_path):
    for path in (tmp_path / "none", "./none", "weights/bert/base"):
        with pytest.raises(FileNotFoundError, match=r"pretrained is .* no such folder"):
            HuggingFaceTextEncoder(pretrained=str(path))


def test_folder_without_config(tmp_path):
    with pytest.raises(OSError, match=r"named by model.text_encoder.pretrained, gives"):
        HuggingFaceTextEncoder(pretrained=str(tmp_path))


def test_a_file_is_no_folder(folder):
    with pytest.raises(ValueError, match="give the folder that it lies in"):
        HuggingFaceTextEncoder(pretrained=str(folder / "model.safetensors"))


def test_folder_without_tokenizer(folder):
    (folder / "vocab.txt").unlink()
    # transformers 5 makes one of five tokens up, which does not fit the model.
    with pytest.raises((OSError, ValueError), match=r"model\.text_encoder\.tokenizer"):
        HuggingFaceTextEncoder(pretrained=str(folder))


@pytest.mark.usefixtures("offline")
def test_hub_not_reachable():
    with pytest.raises(
        OSError, match=r"no config.json of a model of 'zebra/horse'.*hf d"
    ):
        HuggingFaceTextEncoder(pretrained="zebra/horse")


@pytest.mark.usefixtures("offline")
def test_tokenizer_of_the_hub_not_reachable(tmp_path):
    arguments = {**language_models.bert(tmp_path), "tokenizer": "zebra/horse"}
    with pytest.raises(
        OSError, match=r"no tokenizer of 'zebra/horse', named by model."
    ):
        HuggingFaceTextEncoder(**arguments)


def test_config_of_a_file(folder):
    encoder = HuggingFaceTextEncoder(
        config=str(folder / "config.json"), tokenizer=str(folder / "vocab.txt")
    )
    assert encoder.spec.token_channels == 8
    assert len(encoder._layers()) == 2
    assert encoder(SENTENCES).tokens.shape == (2, 6, 8)


def test_config_files_that_are_none(tmp_path):
    def build(path):
        HuggingFaceTextEncoder(config=str(path), tokenizer="clip")

    with pytest.raises(FileNotFoundError, match="give the path of a config.json, or"):
        build(tmp_path / "config.json")
    path = tmp_path / "config.json"
    path.write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        build(path)
    path.write_text("[1]")
    with pytest.raises(ValueError, match="holds a list; give the config.json of a"):
        build(path)
    path.write_text('{"hidden_size": 8}')
    with pytest.raises(ValueError, match=r"has no model_type; add one of \['bert'"):
        build(path)


def test_one_of_config_and_pretrained(tmp_path):
    with pytest.raises(
        ValueError, match="neither of model.text_encoder.config and mod"
    ):
        HuggingFaceTextEncoder(tokenizer="clip")
    with pytest.raises(ValueError, match="both of model.text_encoder.config and model"):
        HuggingFaceTextEncoder(
            **language_models.bert(tmp_path), pretrained="bert-base-uncased"
        )


def test_kinds_that_are_not_supported(tmp_path):
    message = r"of model_type 'vit', which is no language .* \['bert', 'clip', 'clip_t"
    with pytest.raises(ValueError, match=message):
        HuggingFaceTextEncoder(config={"model_type": "vit"}, tokenizer="clip")
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(ValueError, match=message):
        HuggingFaceTextEncoder(pretrained=str(tmp_path))


def test_misspelt_config_keys(tmp_path):
    arguments = language_models.bert(tmp_path)
    arguments["config"]["hiden_size"] = 8
    with pytest.raises(
        ValueError, match=r"has 'hiden_size', .* did you mean 'hidden_s"
    ):
        HuggingFaceTextEncoder(**arguments)
    del arguments["config"]["hiden_size"]
    arguments["config"]["zebra"] = 8
    with pytest.raises(
        ValueError, match=r"'zebra', which 'bert' does not know; remove"
    ):
        HuggingFaceTextEncoder(**arguments)


def test_other_names_of_config_keys(tmp_path):
    arguments = language_models.distilbert(tmp_path)
    arguments["config"]["hidden_size"] = arguments["config"].pop("dim")
    assert HuggingFaceTextEncoder(**arguments).spec.token_channels == 8


def test_sizes_that_make_no_model(tmp_path):
    arguments = language_models.bert(tmp_path)
    arguments["config"]["num_attention_heads"] = 3
    with pytest.raises(ValueError, match=r"'bert' makes no model: The hidden size"):
        HuggingFaceTextEncoder(**arguments)


def test_values_that_make_no_config(tmp_path):
    arguments = language_models.bert(tmp_path)
    arguments["config"]["hidden_size"] = "eight"
    with pytest.raises(ValueError, match=r"model\.text_encoder\.config"):
        HuggingFaceTextEncoder(**arguments)


def test_only_clip_is_projected(tmp_path):
    with pytest.raises(ValueError, match=r"projected is True, but 'bert' has no proj"):
        HuggingFaceTextEncoder(**language_models.bert(tmp_path), projected=True)
