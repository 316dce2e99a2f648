"""Exports of models with subwords, and the script that reads their tokenizers."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mmris.apis import RefSegInferencer
from mmris.deployment.model_folder import write_tokenizer
from mmris.registry import MODELS
from tests import language_models
from tests.deployment.small_model import write_checkpoint
from tests.load_tool import load_tool

pytest.importorskip("onnx", reason="needs pip install 'mmris[onnx]'")
pytest.importorskip("onnxscript", reason="needs pip install 'mmris[onnx]'")
pytest.importorskip("onnxruntime", reason="needs pip install 'mmris[onnx]'")

# Long ones, unknown words and letters, and one of which no subword is left.
SENTENCES = [
    "the red circle",
    "Redish SQUARE, left of the blue one!",
    "caf\u00e9 \u2764\ufe0f circle",
    "the red circle left of a blue square above the red circle on the left",
    "\u200b.",
]
CLIP = {
    "type": "CLIPTextEncoder",
    "channels": 8,
    "num_layers": 1,
    "num_heads": 2,
    "projection_channels": None,
}


def make_text_encoder(kind, folder):
    if kind == "CLIPTextEncoder":
        return CLIP
    own = language_models.KINDS[kind](folder)
    return {"type": "HuggingFaceTextEncoder", "max_words": 9, **own}


@pytest.fixture(scope="module")
def script():
    """Not at the top: it imports ONNX Runtime."""
    return importlib.import_module("mmris.deployment.segment_onnx")


@pytest.mark.parametrize("kind", ["CLIPTextEncoder", *language_models.KINDS])
def test_sentences_become_the_numbers_of_the_text_encoder(kind, script, tmp_path):
    encoder = MODELS.build(make_text_encoder(kind, tmp_path))
    model = type("Model", (), {"text_encoder": encoder})
    out = tmp_path / "exported"
    out.mkdir()
    settings = write_tokenizer(model, out)
    tokenize = script._make_tokenizer(out, settings)
    batch = encoder.tokenize(SENTENCES)
    rows = [ids[mask].tolist() for ids, mask in zip(batch.ids, batch.mask)]
    assert tokenize(SENTENCES) == rows
    assert len({len(row) for row in rows}) > 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["CLIPTextEncoder", "bert"])
def test_the_script_gives_the_masks_of_the_inferencer(kind, script, tmp_path):
    text_encoder = make_text_encoder(kind, tmp_path)
    _, checkpoint = write_checkpoint(tmp_path, text_encoder)
    folder = tmp_path / "exported"
    assert load_tool("deployment/export").main([str(checkpoint), str(folder)]) == 0
    noise = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    picture = tmp_path / "picture.png"
    Image.fromarray(noise).resize((71, 90), Image.Resampling.BICUBIC).save(picture)

    expected = RefSegInferencer(checkpoint=checkpoint, device="cpu")(
        picture, SENTENCES, with_logits=True
    )
    found = script.Segmenter(folder)(
        script.read_picture(picture), SENTENCES, with_logits=True
    )
    scale = np.abs(expected.logits).max()
    assert np.abs(found.logits - expected.logits).max() < 1e-4 * max(1, scale)
    np.testing.assert_array_equal(found.masks, expected.masks)
    # The words matter, or equality would mean little.
    assert np.abs(found.logits[0] - found.logits[1]).max() > 1e-3 * scale

    # And as a program, where there is neither torch nor transformers.
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    for name in ("torch", "mmris", "mmengine", "mmcv", "mmseg", "transformers"):
        (blocked / f"{name}.py").write_text("raise ImportError('not here')")
    command = [sys.executable, str(folder / "segment_onnx.py"), str(picture)]
    done = subprocess.run(
        [*command, *SENTENCES, "--out-dir", str(tmp_path / "masks")],
        env={"PYTHONPATH": str(blocked), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for number, mask in enumerate(found.masks, start=1):
        written = np.asarray(Image.open(tmp_path / "masks" / f"picture_{number}.png"))
        np.testing.assert_array_equal(written > 0, mask)
