import threading

import numpy as np
import pytest
import torch

from mmris.apis import RefSegInferencer
from mmris.explanation import explain, list_kinds, record_calls
from mmris.explanation.explanation import LAYOUTS
from mmris.models import EncoderFusion
from tests import parts
from tests.apis.conftest import make_config
from tests.explanation.conftest import SENTENCES, SYSTEMS, build

KINDS = {
    "cmsa": {
        "word_attention",
        "word_words",
        "word_places",
        "place_words",
        "place_places",
        "gates",
    },
    "cmpc": {"word_types", "word_places", "place_words", "place_places", "gates"},
    "shnet": {"word_words", "word_places", "place_words", "place_places", "gates"},
    "cefnet": {
        "word_attention",
        "place_words",
        "place_places",
        "boundary_maps",
        "body_maps",
        "coarse_masks",
    },
    "cefnet_vanilla": {
        "word_attention",
        "place_words",
        "multimodal_places",
        "language_places",
        "coarse_masks",
    },
    "jmceln": {
        "window_places",
        "stage_masks",
        "stage_changes",
        "embedding_places",
        "place_embeddings",
    },
}


def state(model):
    """All that a recorder or a hook could have left behind."""
    return {
        name: (set(vars(module)), len(module._forward_hooks))
        for name, module in model.named_modules()
    }


def test_every_system_has_its_maps(system, model, picture):
    assert set(list_kinds(model)) == KINDS[system]
    before = state(model)
    found = explain(model, picture, SENTENCES, channel_order="rgb")
    assert state(model) == before
    for explanation, sentence in zip(found, SENTENCES):
        assert explanation.words == tuple(sentence.split())
        assert {entry.kind for entry in explanation.maps.values()} == KINDS[system]
        for name, entry in explanation.maps.items():
            assert entry.name == name
            assert entry.axes in LAYOUTS
            assert entry.values.dtype == np.float32
            assert np.isfinite(entry.values).all()
            assert (entry.values >= 0).all()
            assert set(entry.words) <= set(explanation.words)
            if entry.sums_over:
                axes = tuple(entry.axes.index(axis) for axis in entry.sums_over)
                totals = entry.values.sum(axis=axes)
                np.testing.assert_allclose(totals, 1, atol=1e-5)
                # A map of even shares would show nothing, and hide mistakes. With
                # random weights language differs little from place to place.
                even = entry.kind == "multimodal_places" or entry.words == ("circle",)
                assert even or entry.values.std() > 1e-4, name


def test_masks_are_those_of_the_inferencer(model, picture, monkeypatch):
    segment = RefSegInferencer(model.cfg, device="cpu")
    segment.model = model
    wanted = segment(picture, SENTENCES, channel_order="bgr", with_logits=True)
    found = explain(model, picture, SENTENCES, channel_order="bgr")
    for row, explanation in enumerate(found):
        scale = max(1, np.abs(wanted.logits).max())
        assert np.abs(explanation.logits - wanted.logits[row]).max() < 1e-5 * scale
        assert (explanation.mask == (explanation.logits > 0)).all()
        assert (explanation.picture == picture[..., ::-1]).all()
        np.testing.assert_allclose(
            explanation.probability, 1 / (1 + np.exp(-explanation.logits)), atol=1e-6
        )


def test_an_expression_has_the_same_maps_alone(model, picture):
    together = explain(model, picture, SENTENCES, channel_order="rgb")[1]
    (alone,) = explain(model, picture, SENTENCES[1:], channel_order="rgb")
    assert list(together.maps) == list(alone.maps)
    for name, entry in alone.maps.items():
        np.testing.assert_array_equal(together.maps[name].values, entry.values)


def test_the_last_stage_is_the_mask():
    model = build("jmceln", size=(50, 90))
    picture = np.random.default_rng(1).integers(0, 256, (50, 90, 3), dtype=np.uint8)
    (found,) = explain(model, picture, ["circle"], channel_order="rgb")
    masks = found["stage_masks"]
    assert masks.items == ("stage 0", "stage 1", "stage 2")
    logits = np.log(masks.values) - np.log1p(-masks.values)
    scale = np.abs(found.logits).max()
    shown = found.on_picture(logits)
    assert np.abs(shown[-1] - found.logits).max() < 1e-3 * scale
    assert np.abs(shown[0] - found.logits).max() > 1e-2 * scale


@pytest.mark.parametrize("system", ["cefnet", "cefnet_vanilla"])
def test_outputs_are_those_of_training(system, picture):
    model = build(system)
    (found,) = explain(model, picture, ["red circle"], channel_order="rgb")
    with record_calls([(model.decode_head, "forward")]) as record:
        explain(model, picture, ["red circle"], kinds=[], channel_order="rgb")
    (fused,) = record.last(model.decode_head, "forward").arguments
    # The head itself, not the normalisations in it.
    model.decode_head.training = True
    with torch.no_grad():
        output = model.decode_head(fused)
    shown = [m for m in found.maps.values() if m.axes[0] == "item"]
    assert len(shown) >= 2
    for entry in shown:
        expected = output.aux[entry.place][0, 0].sigmoid().numpy()
        np.testing.assert_allclose(entry.values[0], expected, atol=1e-6)


def test_level_decoders_are_those_of_training(picture):
    config = make_config().to_dict()
    head = config["model"]["decode_head"]
    head["level_decoder"] = {"type": "ScoreMaskDecoder"}
    model = parts.build_model(config["model"]).eval()
    model.cfg = make_config()
    with record_calls([(model.decode_head, "forward")]) as record:
        explain(model, picture, ["red circle"], kinds=[], channel_order="rgb")
    (fused,) = record.last(model.decode_head, "forward").arguments
    (found,) = explain(model, picture, ["red circle"], channel_order="rgb")
    model.decode_head.training = True
    with torch.no_grad():
        output = model.decode_head(fused)
    assert len(found.maps) == 4
    for level in range(4):
        expected = output.aux[f"level_{level}"][0, 0].sigmoid().numpy()
        shown = found[f"coarse_masks/level_{level}"].values[0]
        np.testing.assert_allclose(shown, expected, atol=1e-6)


def test_word_attention_is_the_mean_over_the_places(picture):
    (found,) = explain(build("cmsa"), picture, SENTENCES[:1], channel_order="rgb")
    for level in ("level_0", "level_1"):
        mean = found[f"place_words/{level}"].values.mean(axis=(1, 2))
        np.testing.assert_allclose(
            found[f"word_attention/{level}"].values, mean, atol=1e-6
        )
        places = found[f"place_places/{level}"].values.mean(axis=(0, 1))
        of_words = found[f"word_places/{level}"].values.mean(axis=0)
        np.testing.assert_allclose(of_words, places, atol=1e-6)


def test_all_that_a_cell_or_word_takes_adds_up(picture):
    (found,) = explain(build("shnet"), picture, SENTENCES[:1], channel_order="rgb")
    cells = found["place_places/level_0"].values.sum(axis=(2, 3))
    words = found["place_words/level_0"].values.sum(axis=0)
    np.testing.assert_allclose(cells + words, 1, atol=1e-5)
    cells = found["word_places/level_0"].values.sum(axis=(1, 2))
    words = found["word_words/level_0"].values.sum(axis=1)
    np.testing.assert_allclose(cells + words, 1, atol=1e-5)


def test_subwords_and_special_tokens_are_labelled(picture):
    model = build("cmsa", text_encoder="CLIPTextEncoder")
    (found,) = explain(model, picture, ["The skateboarders!"], channel_order="rgb")
    cut = ("skate-", "-boar-", "-ders")
    assert found.words == ("(start)", "the", *cut, "!", "(end)")
    assert found["word_attention/level_0"].words == found.words


def test_the_sentence_as_a_word(picture):
    config = make_config().to_dict()
    inner = {"type": "CrossModalAttentionBlock", "attention_channels": 6}
    block = {"type": "SentenceAsWordBlock", "block": {**inner, "out_channels": 8}}
    config["model"]["neck"] = {"type": "DecoderFusion", "block": block}
    model = parts.build_model(config["model"]).eval()
    model.cfg = make_config()
    (found,) = explain(model, picture, ["red circle"], channel_order="rgb")
    entry = found["word_places/level_3"]
    assert entry.words == ("the whole sentence",)
    assert entry.values.shape[0] == 1


PAIRS = [
    *((neck, "MultiLevelDecodeHead") for neck in parts.neck_names()),
    *(("EncoderFusion", head) for head in parts.head_names()),
]


@pytest.mark.parametrize(("neck", "head"), dict.fromkeys(PAIRS))
def test_any_neck_with_any_head(neck, head, picture):
    config = make_config().to_dict()
    config["model"] = parts.model_config(neck=neck, decode_head=head)
    model = parts.build_model(config["model"]).eval()
    model.cfg = make_config()
    (found,) = explain(
        model,
        picture,
        ["red circle"],
        layers=["neck", "backbone.layer3"],
        channel_order="rgb",
    )
    kinds = {entry.kind for entry in found.maps.values()}
    assert kinds == {*list_kinds(model), "grad_cam"}
    assert any(entry.values.max() > 0 for entry in found.maps.values())


def test_the_picture_in_a_letterbox():
    model = build("cmsa", size=(64, 64), keep_ratio=True)
    picture = np.zeros((30, 60, 3), dtype=np.uint8)
    (found,) = explain(model, picture, ["circle"], channel_order="rgb")
    top, left, height, width = found.content_box
    assert (height, width) == (32, 64)
    rows = np.arange(64, dtype=np.float32)[:, None].repeat(64, axis=1)
    shown = found.on_picture(rows[None])
    assert shown.shape == (1, 30, 60)
    # From the first to the last row of the picture in the input, not of the input.
    assert abs(shown[0, 0, 0] - top) < 1
    assert abs(shown[0, -1, 0] - (top + height - 1)) < 1
    for point in [(0, 0), (29, 59), (12, 40)]:
        cell = found.cell_of(point, (64, 64))
        assert abs(cell[0] - (top + point[0] * 32 / 30)) <= 1
        assert abs(cell[1] - (left + point[1] * 64 / 60)) <= 1
        back = found.point_of(cell, (64, 64))
        assert np.abs(np.subtract(back, point)).max() <= 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kinds": ["boundary_maps"]}, ValueError,
         "this model has no boundary_maps; it has word_attention, word_words, "),
        ({"kinds": ["nonsense"]}, ValueError, "no map is called 'nonsense'; it has "),
        ({"layers": ["backbone.layer9"]}, ValueError,
         r"the model has no layer 'backbone.layer9'; backbone has backbone.stem, "),
        ({"layers": ["nothing"]}, ValueError,
         "the model has no layer 'nothing'; the model has data_preprocessor, "),
        ({"layers": ["text_encoder"]}, ValueError,
         "layer 'text_encoder' gives no map of shape"),
        ({"layers": ["neck.blocks.0"]}, ValueError,
         "layer 'neck.blocks.0' is not run as a whole"),
    ],
)  # fmt: skip
def test_what_the_model_lacks_is_said(options, error, message, picture):
    with pytest.raises(error, match=message):
        explain(build("cmsa"), picture, ["circle"], channel_order="rgb", **options)


def test_a_model_without_maps(picture):
    config = make_config()
    model = parts.build_model(config.model).eval()
    with pytest.raises(ValueError, match="the model has no config that says how"):
        explain(model, picture, ["circle"], channel_order="rgb")
    model.cfg = config
    assert list_kinds(model) == ()
    (found,) = explain(model, picture, ["circle"], channel_order="rgb")
    assert found.maps == {}
    with pytest.raises(ValueError, match="no place_words; it has none. Grad-CAM works"):
        explain(model, picture, ["circle"], kinds=["place_words"], channel_order="rgb")
    with pytest.raises(ValueError, match="the model is being trained; call"):
        explain(model.train(), picture, ["circle"], channel_order="rgb")


def test_a_map_is_found_by_its_kind_where_there_is_one(picture):
    (found,) = explain(build("cmpc"), picture, ["circle"], channel_order="rgb")
    assert found["word_types"] is found.maps["word_types/neck.classifier"]
    with pytest.raises(KeyError, match="2 maps are called 'word_places'; there are "):
        found["word_places"]
    with pytest.raises(KeyError, match="no map is called 'x'; there are word_types/"):
        found["x"]


def test_arrays_of_everything(picture, tmp_path):
    (found,) = explain(build("cmpc"), picture, SENTENCES[:1], channel_order="rgb")
    np.savez(tmp_path / "maps.npz", **found.arrays())
    with np.load(tmp_path / "maps.npz") as arrays:
        assert str(arrays["expression"]) == SENTENCES[0]
        assert arrays["words"].tolist() == SENTENCES[0].split()
        types = found["word_types"]
        np.testing.assert_array_equal(arrays[types.name], types.values)
        assert arrays[f"{types.name}/items"].tolist() == list(types.items)
        assert arrays[f"{types.name}/axes"].tolist() == ["word", "item"]
        assert set(found.maps) <= set(arrays.files)


def test_other_threads_are_not_recorded_and_nothing_stays():
    model = torch.nn.Linear(2, 2)
    before = dict(vars(model))
    other = threading.Thread(target=model, args=(torch.ones(3, 2),))
    with record_calls([(model, "forward"), (model, "forward")]) as record:
        other.start()
        other.join()
        model(torch.zeros(1, 2))
        with (
            pytest.raises(RuntimeError, match=r"Linear.forward is replaced already"),
            record_calls([(model, "forward")]),
        ):
            pass
    (call,) = record.calls(model, "forward")
    assert call.arguments[0].shape == (1, 2)
    assert torch.equal(call.result[0], model.bias)
    model(torch.zeros(1, 2))
    assert len(record.calls(model, "forward")) == 1
    assert vars(model) == before
    with pytest.raises(RuntimeError, match=r"Linear.extra_repr was not called"):
        record.last(model, "extra_repr")


def test_places_inside_the_backbone_are_stages(picture):
    model = build("cefnet")
    assert isinstance(model.neck, EncoderFusion)
    (found,) = explain(model, picture, ["circle"], channel_order="rgb")
    places = {m.place for m in found.maps.values() if m.kind == "place_words"}
    assert places == {"stage_1", "stage_3"}


def test_systems_are_those_that_have_maps():
    assert set(SYSTEMS) == set(KINDS)
