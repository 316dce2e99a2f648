"""The export tool, and the script beside its graphs, against the model."""

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mmris.apis import RefSegInferencer
from tests.deployment.small_model import SENTENCES, SIZE, write_checkpoint
from tests.load_tool import load_tool

pytest.importorskip("onnx", reason="needs pip install 'mmris[onnx]'")
pytest.importorskip("onnxscript", reason="needs pip install 'mmris[onnx]'")
pytest.importorskip("onnxruntime", reason="needs pip install 'mmris[onnx]'")


@pytest.fixture(scope="module")
def script():
    """Not at the top: it imports ONNX Runtime."""
    return importlib.import_module("mmris.deployment.segment_onnx")


@pytest.fixture(scope="module")
def tool():
    return load_tool("deployment/export")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("small"))[1]


@pytest.fixture(scope="module")
def exported(tool, checkpoint):
    """Folder of an export in two graphs, and these as programs."""
    out, kept = checkpoint.parent / "exported", []
    original = tool.export_model

    def export_model(model, **settings):
        kept.extend(original(model, **settings))
        return kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool, "export_model", export_model)
        assert tool.main([str(checkpoint), str(out), "--int8"]) == 0
    return out, kept


@pytest.fixture
def folder(exported):
    return exported[0]


@pytest.fixture(scope="module")
def picture(checkpoint):
    """Neither square nor of the model's proportions, with some structure."""
    noise = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    path = checkpoint.parent / "picture.png"
    Image.fromarray(noise).resize((71, 90), Image.Resampling.BICUBIC).save(path)
    return path


def test_the_script_gives_the_masks_of_the_inferencer(
    script, folder, checkpoint, picture
):
    expected = RefSegInferencer(checkpoint=checkpoint, device="cpu")(
        picture, SENTENCES, with_logits=True
    )
    found = script.Segmenter(folder)(
        script.read_picture(picture), SENTENCES, with_logits=True
    )
    scale = np.abs(expected.logits).max()
    assert np.abs(found.logits - expected.logits).max() < 1e-4 * max(1, scale)
    np.testing.assert_array_equal(found.masks, expected.masks)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    shares = expected.masks.mean(axis=(1, 2))
    assert ((shares > 0) & (shares < 1)).any()  # or equality would mean little


def test_the_script_runs_where_there_is_no_torch(folder, picture, tmp_path):
    for name in ("torch", "mmris", "mmengine", "mmcv", "mmseg", "transformers"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not here')")
    command = [sys.executable, str(folder / "segment_onnx.py"), str(picture)]
    done = subprocess.run(
        [*command, *SENTENCES, "--out-dir", str(tmp_path / "masks")],
        env={"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    masks = sorted((tmp_path / "masks").iterdir())
    assert [mask.name for mask in masks] == [f"picture_{n}.png" for n in (1, 2, 3)]
    assert Image.open(masks[0]).size == (71, 90)
    assert "picture_1.png: 'the red circle', score 0." in done.stdout


def test_the_description_says_what_the_config_says(folder):
    description = json.loads((folder / "model.json").read_text())
    assert description["input"] == {
        "size": list(SIZE),
        "keep_ratio": True,
        "pad_value": 7,
        "channels": "rgb",
        "mean": pytest.approx([123.675, 116.28, 103.53]),
        "std": pytest.approx([58.395, 57.12, 57.375]),
    }
    assert description["threshold"] == 0.4
    assert description["tokenizer"]["max_words"] == 6
    assert description["graphs"]["float32"] == ["image.onnx", "expressions.onnx"]
    assert description["largest_difference"]["logit"] < 1e-4


def test_int8_is_near(script, folder, picture):
    image = script.read_picture(picture)
    exact = script.Segmenter(folder)(image, SENTENCES).head_logits
    short = script.Segmenter(folder, precision="int8")(image, SENTENCES).head_logits
    assert not np.array_equal(exact, short)
    # Of random weights and few channels, more than of a trained model.
    assert np.abs(exact - short).mean() < 0.5 * np.abs(exact).mean()


def test_sentences_become_the_numbers_of_the_text_encoder(script, folder, checkpoint):
    encoder = RefSegInferencer(checkpoint=checkpoint, device="cpu").model.text_encoder
    sentences = [
        "The man's 2nd T-shirt!",
        "?",
        "RED circle, left_of the small blue square on the right",
        "caf\u0065\u0301 \u2764\ufe0f circle",
    ]
    batch = encoder.tokenize(sentences)
    ids, mask = script.Segmenter(folder).words(sentences)
    np.testing.assert_array_equal(mask, batch.mask.numpy())
    np.testing.assert_array_equal(ids, batch.ids.numpy())


def test_an_export_is_not_replaced_by_accident(tool, checkpoint, folder, capsys):
    with pytest.raises(SystemExit):
        tool.main([str(checkpoint), str(folder)])
    assert "--overwrite" in capsys.readouterr().err


def test_a_graph_that_is_not_the_model_is_not_written(
    tool, exported, checkpoint, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(tool, "export_model", lambda model, **settings: exported[1])
    original = tool.in_torch

    def of_other_numbers(graphs):
        sessions = original(graphs)
        call = sessions[-1].call
        sessions[-1].call = lambda *values: call(*values) + 0.01
        return sessions

    monkeypatch.setattr(tool, "in_torch", of_other_numbers)
    out = tmp_path / "out"
    assert tool.main([str(checkpoint), str(out), "--format", "torch"]) == 2
    assert "the graph is not the model" in capsys.readouterr().err
    assert not out.exists()
