"""CLIP's published names and shapes become weights that give CLIP's features."""

import pytest
import torch

from mmris.models.backbones import CLIPResNet
from mmris.models.text_encoders import CLIPTextEncoder
from mmris.registry import MODELS
from mmris.utils.clip_checkpoint import convert_clip, read_clip
from tests.references.clip_checkpoint import (
    PUBLISHED,
    as_module,
    published_shapes,
    random_weights,
    small_shapes,
)
from tests.references.clip_resnet import stages
from tests.references.clip_text import clip_text

# Of the whole models, as OpenAI prints them.
TOTALS = {"RN50": 102_007_137, "RN101": 119_688_033}
SENTENCE = "the red circle left"


@pytest.fixture(scope="module")
def weights():
    """RN50's with a narrow text encoder, as OpenAI stores them."""
    return random_weights(small_shapes())


def on_meta(shapes):
    with torch.device("meta"):
        return {name: torch.empty(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("arch", PUBLISHED)
def test_published_names_and_shapes_are_all_taken(arch):
    shapes = published_shapes(arch)
    converted = convert_clip(on_meta(shapes))
    assert converted.backbone == {"type": "CLIPResNet", "arch": arch}
    with torch.device("meta"):
        parts = {
            "backbone": MODELS.build(converted.backbone),
            "text_encoder": MODELS.build(converted.text_encoder),
        }
    expected = {
        f"{part}.{name}": value.shape
        for part, module in parts.items()
        for name, value in module.state_dict().items()
        if not name.startswith("attention_pool.residual.")
    }
    assert {name: value.shape for name, value in converted.state.items()} == expected
    assert set(converted.dropped) == {
        "logit_scale",
        "input_resolution",
        "context_length",
        "vocab_size",
        "visual.attnpool.positional_embedding[0]",
    }
    assert all("attention_pool.residual." in name for name in converted.new)
    assert len(shapes) == len(converted.state) + 4
    if arch in TOTALS:
        numbers = [
            torch.Size(shape).numel()
            for name, shape in shapes.items()
            if not name.endswith(("_mean", "_var", "_tracked", "_resolution", "_size"))
            and name != "context_length"
        ]
        assert sum(numbers) == TOTALS[arch]


def test_converted_weights_give_the_features_of_clip(weights):
    converted = convert_clip(weights)
    images = torch.randn(1, 3, 64, 96)
    backbone = CLIPResNet(use_attention_pool=False).eval()
    state = {
        name.removeprefix("backbone."): value
        for name, value in converted.state.items()
        if name.startswith("backbone.") and "attention_pool" not in name
    }
    backbone = CLIPResNet(use_attention_pool=False)
    backbone.load_state_dict(state)
    backbone.eval()
    visual = {
        name.removeprefix("visual."): value.float()
        for name, value in weights.items()
        if name.startswith("visual.")
    }
    with torch.no_grad():
        for one, other in zip(backbone(images), stages(visual, images), strict=True):
            assert (one - other).abs().max() < 1e-4 * other.abs().max()

    encoder = MODELS.build(converted.text_encoder).eval()
    assert isinstance(encoder, CLIPTextEncoder)
    prefix = "text_encoder."
    encoder.load_state_dict(
        {
            name.removeprefix(prefix): value
            for name, value in converted.state.items()
            if name.startswith(prefix)
        }
    )
    (ids,) = encoder.tokenizer([SENTENCE])
    text = {name: value.float() for name, value in weights.items()}
    with torch.no_grad():
        tokens, sentence = clip_text(text, ids, num_heads=1)
        found = encoder([SENTENCE])
    torch.testing.assert_close(found.tokens[0], tokens, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.sentence[0], sentence, rtol=1e-4, atol=1e-4)


def test_everything_is_float32_and_owns_its_numbers(weights):
    for name, value in convert_clip(weights).state.items():
        is_counter = name.endswith("num_batches_tracked")
        assert value.dtype == (torch.int64 if is_counter else torch.float32)
        assert value.is_contiguous()
        assert value.untyped_storage().nbytes() == value.nbytes


def test_the_mean_has_no_position_any_more(weights):
    state = convert_clip(weights).state
    table = weights["visual.attnpool.positional_embedding"].float()
    assert torch.equal(state["backbone.attention_pool.positional_embedding"], table[1:])


def test_unknown_weights_are_left_out_and_said(weights):
    converted = convert_clip({**weights, "visual.extra": torch.ones(2)})
    assert converted.dropped["visual.extra"] == "neither encoder has it"
    assert "visual.extra" not in converted.state


def test_counters_of_batches_may_be_missing(weights):
    fewer = {k: value for k, value in weights.items() if "tracked" not in k}
    assert "backbone.stem.0.weight" in convert_clip(fewer).state


@pytest.mark.parametrize("form", ["archive", "state_dict", "nested", "wrapped"])
def test_forms_of_files(tmp_path, form):
    weights = {
        "visual.conv1.weight": torch.randn(2, 3).half(),
        "logit_scale": torch.tensor(4.6),
    }
    path = tmp_path / "clip.pt"
    if form == "archive":
        torch.jit.save(torch.jit.script(as_module(weights)), str(path))
    elif form == "state_dict":
        torch.save(weights, path)
    elif form == "nested":
        torch.save({"epoch": 3, "state_dict": weights}, path)
    else:
        torch.save({f"module.{name}": value for name, value in weights.items()}, path)
    found = read_clip(path)
    assert set(found) == set(weights)
    assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_files_that_are_no_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        read_clip(tmp_path / "nothing.pt")
    torch.save({"visual.conv1.weight": torch.ones(1), "name": "RN50"}, tmp_path / "a")
    with pytest.raises(ValueError, match="has 'name' among its weights, a str; give a"):
        read_clip(tmp_path / "a")


def test_vision_transformers_are_refused_by_name(weights):
    for width, patch, name in ((768, 32, "B/32"), (1024, 14, "L/14")):
        vit = {
            "visual.class_embedding": torch.ones(width),
            "visual.conv1.weight": torch.ones(width, 3, patch, patch),
            "text_projection": torch.ones(512, 512),
        }
        with pytest.raises(
            ValueError, match=rf"transformer ViT-{name}, which CLIPResN"
        ):
            convert_clip(vit)


def test_other_checkpoints_are_refused(weights):
    with pytest.raises(ValueError, match=r"Hugging Face's names; give the file that"):
        convert_clip({"text_model.final_layer_norm.weight": torch.ones(2)})
    with pytest.raises(
        ValueError, match="has no visual.layer1.0.conv1.weight, text_pr"
    ):
        convert_clip({"conv1.weight": torch.ones(2)})
    text_only = {k: v for k, v in weights.items() if not k.startswith("visual.")}
    with pytest.raises(
        ValueError, match="not one of OpenAI's CLIP, image and text enc"
    ):
        convert_clip(text_only)
    fewer = {k: v for k, v in weights.items() if not k.startswith("visual.layer3.5.")}
    with pytest.raises(ValueError, match=r"has \(3, 4, 5, 3\) blocks and 64 channels"):
        convert_clip(fewer)


def test_almost_right_checkpoints_are_refused(weights):
    fewer = dict(weights)
    del fewer["visual.layer3.5.bn2.bias"]
    match = r"almost that of CLIP's RN50: 1 missing .*backbone.layer3.5.bn2.bias.* Give"
    with pytest.raises(ValueError, match=match):
        convert_clip(fewer)
    other = {**weights, "visual.conv1.weight": torch.ones(32, 4, 3, 3)}
    with pytest.raises(
        ValueError, match=r"1 of another shape \(backbone.stem.0.weight"
    ):
        convert_clip(other)
