import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from PIL import Image

from mmris.apis import RefSegInferencer
from mmris.apis.inference_pipeline import inference_pipeline
from tests import parts
from tests.apis.conftest import SIZE, make_config, write_checkpoint

WORDS = ["red circle", "the blue square on the left", "circle", "green", "left red"]


def picture(height, width, seed=0):
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, size=(4, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


@pytest.fixture(scope="module")
def segment(checkpoint):
    return RefSegInferencer(checkpoint=checkpoint, device="cpu")


def assert_equal(one, other):
    assert one.expressions == other.expressions
    np.testing.assert_array_equal(one.masks, other.masks)
    np.testing.assert_array_equal(one.scores, other.scores)


def test_config_and_checkpoint_give_what_the_checkpoint_alone_gives(
    segment, config, checkpoint
):
    both = RefSegInferencer(config, checkpoint, "cpu")
    image = picture(50, 83)
    assert_equal(
        segment(image, WORDS, channel_order="rgb"),
        both(image, WORDS, channel_order="rgb"),
    )


@pytest.mark.parametrize("keep_ratio", [False, True])
@pytest.mark.parametrize(
    "size", [(40, 60), (50, 83), (64, 96), (7, 300), (1, 1), (1500, 900)]
)
def test_it_is_the_model_s_own_prediction(tmp_path, keep_ratio, size):
    config = make_config(keep_ratio=keep_ratio)
    path = write_checkpoint(tmp_path / "k.pth", config)
    segment = RefSegInferencer(checkpoint=path, device="cpu")
    image = picture(*size)
    found = segment(image, WORDS, channel_order="rgb", with_logits=True)
    assert found.masks.shape == found.logits.shape == (5, *size)
    assert found.masks.dtype == bool
    assert found.scores.shape == (5,)
    assert found.logits.dtype == found.scores.dtype == np.float32
    item = {"img": np.ascontiguousarray(image[..., ::-1]), "expressions": WORDS}
    packed = inference_pipeline(config)(item)
    with torch.no_grad():
        (sample,) = segment.model.test_step(pseudo_collate([packed]))
    assert torch.equal(sample.seg_logits.data, torch.from_numpy(found.logits))
    assert torch.equal(sample.pred_sem_seg.data, torch.from_numpy(found.masks))


def test_masks_lie_where_the_picture_shows_the_object(tmp_path):
    """Bright pixels are the object: a model that only sees brightness finds them."""
    config = make_config(size=(64, 64), keep_ratio=True)
    path = write_checkpoint(tmp_path / "k.pth", config)
    segment = RefSegInferencer(checkpoint=path, device="cpu")
    model = segment.model
    model.encode_image = lambda inputs: inputs
    model.decode_text = lambda encoded, text, index: SimpleNamespace(
        logits=encoded.mean(1, keepdim=True)[index]
    )
    for size in ((40, 120), (120, 40), (90, 90)):
        image = np.zeros((*size, 3), dtype=np.uint8)
        height, width = size
        truth = np.zeros(size, dtype=bool)
        truth[: height // 2, width // 4 : width // 2] = True  # top, left of the middle
        image[truth] = 255
        found = segment(image, ["a", "b"], channel_order="rgb").masks
        for mask in found:
            union = (mask | truth).sum()
            assert (mask & truth).sum() / union > 0.85


def test_the_image_part_runs_once_for_all_expressions(segment, monkeypatch):
    calls = {"backbone": 0, "decode": []}
    segment.model.backbone.register_forward_hook(
        lambda *_: calls.update(backbone=calls["backbone"] + 1)
    )
    original = segment.model.decode_text
    monkeypatch.setattr(
        segment.model,
        "decode_text",
        lambda encoded, text, index: (
            calls["decode"].append(len(text)) or original(encoded, text, index)
        ),
    )
    image = picture(50, 83)
    many = segment(image, WORDS * 2, channel_order="rgb")
    assert calls == {"backbone": 1, "decode": [4, 4, 2]}  # expressions_per_chunk is 4
    segment([image, image, image], WORDS[0], channel_order="rgb")
    assert calls["backbone"] == 4
    for row, words in enumerate(WORDS):
        one = segment(image, words, channel_order="rgb")
        assert one.scores[0] == pytest.approx(many.scores[row], abs=1e-5)
        assert (one.masks[0] != many.masks[row]).mean() < 1e-3


@contextmanager
def shifted(segment, amount):
    """All logits higher by so much."""
    bias = segment.model.decode_head.mask_decoder.score.bias
    with torch.no_grad():
        bias += amount
        yield
        bias -= amount


def test_a_score_is_the_mean_probability_inside_the_mask(segment):
    image = picture(50, 83)
    found = segment(image, WORDS, channel_order="rgb", with_logits=True)
    with shifted(segment, -float(np.median(found.logits))):
        found = segment(image, WORDS, channel_order="rgb", with_logits=True)
    assert 0.4 < found.masks.mean() < 0.6
    probabilities = 1 / (1 + np.exp(-found.logits.astype(np.float64)))
    for mask, score, own in zip(found.masks, found.scores, probabilities, strict=True):
        np.testing.assert_array_equal(mask, own > 0.5)
        assert score == pytest.approx(own[mask].mean() if mask.any() else 0, abs=1e-6)


def test_the_score_of_an_empty_mask_is_0(segment):
    with shifted(segment, -1e4):
        nothing = segment(picture(50, 83), WORDS, channel_order="rgb")
    assert not nothing.masks.any()
    assert nothing.scores.tolist() == [0] * 5
    assert nothing.logits is None


def test_lists_of_pictures_of_any_kind_and_size(segment, tmp_path):
    images = [picture(40, 60, 1), picture(30, 20, 2), picture(64, 96, 3)]
    Image.fromarray(images[1]).save(tmp_path / "b.png")
    mixed = [images[0], tmp_path / "b.png", Image.fromarray(images[2])]
    texts = [WORDS[:2], WORDS[2:3], WORDS]
    found = segment(mixed, texts, channel_order="rgb")
    for image, own, prediction in zip(images, texts, found, strict=True):
        assert_equal(prediction, segment(image, own, channel_order="rgb"))
    same = segment(tuple(mixed), "circle", channel_order="rgb")
    assert [entry.expressions for entry in same] == [["circle"]] * 3
    assert [entry.masks.shape[1:] for entry in same] == [(40, 60), (30, 20), (64, 96)]
    assert segment([], "circle") == []


def test_the_order_of_channels_matters_and_must_be_told(segment):
    image = picture(40, 60)
    rgb = segment(image, WORDS, channel_order="rgb", with_logits=True)
    bgr = segment(image, WORDS, channel_order="bgr", with_logits=True)
    assert not np.allclose(rgb.logits, bgr.logits)
    turned = segment(image[..., ::-1], WORDS, channel_order="bgr", with_logits=True)
    np.testing.assert_array_equal(rgb.logits, turned.logits)
    with pytest.raises(ValueError, match=r"images\[1\] is an array, and channel_order"):
        segment([Image.fromarray(image), image], "circle")


def test_inputs_are_left_alone(segment):
    image, words = picture(40, 60), list(WORDS)
    before = image.copy()
    segment(image, words, channel_order="bgr")
    np.testing.assert_array_equal(image, before)
    assert words == WORDS


@pytest.mark.parametrize("text_encoder", parts.text_encoder_names())
def test_every_text_encoder(tmp_path, text_encoder):
    config = make_config(text_encoder=text_encoder)
    path = write_checkpoint(tmp_path / "k.pth", config)
    segment = RefSegInferencer(checkpoint=path, device="cpu")
    odd = [
        "circle " * 300,
        "\U0001f98a \u2603",
        "\u05e2\u05dc \u05e9\u05de\u05d0\u05dc",
    ]
    assert segment(picture(40, 60), odd, channel_order="rgb").masks.shape[0] == 3


def test_config_alone_warns_and_works(config):
    segment = RefSegInferencer(config, device="cpu")
    assert segment(picture(40, 60), "x", channel_order="rgb").masks.shape == (1, 40, 60)


def test_a_pipeline_is_found_where_configs_have_it():
    steps = make_config().test_dataloader.dataset.pipeline
    wrapped = {"type": "ConcatDataset", "datasets": [{"type": "A", "pipeline": steps}]}
    for content in (
        {"test_dataloader": {"dataset": wrapped}},
        {"test_dataloader": {"dataset": {"type": "A"}}, "test_pipeline": steps},
        {"test_pipeline": steps},
    ):
        pipeline = inference_pipeline(Config(content))
        names = [type(transform).__name__ for transform in pipeline.transforms]
        assert names == ["LoadRefImage", "RefResize", "PackRefInputs"]
        item = pipeline({"img": picture(9, 9), "expressions": ["x"]})
        assert item["inputs"].shape == (3, *SIZE)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "neither config nor checkpoint"),
        ({"device": "gpu"}, ValueError, "device is 'gpu'; give 'cpu'"),
        ({"device": "cuda:99"}, ValueError, "device is 'cuda:99', but torch sees"),
        ({"checkpoint": "nowhere.pth"}, FileNotFoundError, "no checkpoint at nowhere"),
        ({"config": "nowhere.py"}, FileNotFoundError, "no config file 'nowhere.py'"),
        ({"config": Config({"model": None})}, ValueError, "has no 'model'"),
    ],
)
def test_messages(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        RefSegInferencer(**arguments)
    assert "\n" not in str(caught.value)


def test_configs_that_do_not_fit_are_refused():
    bare = Config({"model": make_config().model})
    with pytest.raises(ValueError, match="has no transforms for testing"):
        RefSegInferencer(bare, device="cpu")
    other = make_config()
    other.model = {"type": "mmengine.BaseDataPreprocessor"}
    with pytest.raises(TypeError, match="model.type is BaseDataPreprocessor"):
        RefSegInferencer(other, device="cpu")


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives(segment, checkpoint):
    on_gpu = RefSegInferencer(checkpoint=checkpoint)
    assert on_gpu.device.type == "cuda"
    image = picture(50, 83)
    ours = on_gpu(image, WORDS, channel_order="rgb", with_logits=True)
    theirs = segment(image, WORDS, channel_order="rgb", with_logits=True)
    scale = np.abs(theirs.logits).max()
    np.testing.assert_allclose(ours.logits, theirs.logits, atol=2e-2 * scale)


def test_nothing_is_warned_of_while_predicting(segment):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        segment(picture(40, 60), WORDS, channel_order="rgb")
