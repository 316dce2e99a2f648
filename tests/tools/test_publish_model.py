"""Published weights: small, safe, found by name, and the same model as before."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mmris.apis import RefSegInferencer
from mmris.utils import load_checkpoint_file
from mmris.utils.model_index import find_model, read_model_index
from tests import parts
from tests.apis.conftest import make_config, write_checkpoint
from tests.load_tool import load_tool

METAFILE = """\
Models:
  # A comment that stays.
  - Name: first
    In Collection: M
    Config: configs/m/first.py
    Results:
  - Name: second
    In Collection: M
    Config: configs/m/second.py
    Results: []
"""
PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def tool():
    return load_tool("misc/publish_model")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "configs" / "m"
    folder.mkdir(parents=True)
    (folder / "metafile.yml").write_text(
        METAFILE.replace("Results:\n", "Results: []\n")
    )
    (tmp_path / "model-index.yml").write_text("Import:\n  - configs/m/metafile.yml\n")
    for name in ("first", "second"):
        make_config().dump(folder / f"{name}.py")
    return tmp_path


@pytest.fixture
def checkpoint(tmp_path):
    config = make_config()
    model = parts.build_model(config.model)
    write_checkpoint(tmp_path / "iter_7.pth", config, model)
    contents = torch.load(tmp_path / "iter_7.pth", weights_only=True)
    contents["optimizer"] = {"state": {0: torch.rand(100, 100)}}
    contents["meta"]["cfg"] += "\nwork_dir = '/home/somebody/secret'\n"
    torch.save(contents, tmp_path / "iter_7.pth")
    return tmp_path / "iter_7.pth"


def test_what_is_published_is_found_by_name(
    tool, root, checkpoint, monkeypatch, capsys
):
    arguments = [str(checkpoint), "first", "--root", str(root)]
    assert tool.main(arguments) == 0
    file = root / "weights" / "first.safetensors"
    content = file.read_bytes()
    assert b"somebody" not in content
    assert "optimizer" not in load_checkpoint_file(file)
    digest = hashlib.sha256(content).hexdigest()
    assert digest in capsys.readouterr().out
    models = read_model_index(root)
    assert find_model("first", models).weights.sha256 == digest
    metafile = (root / "configs/m/metafile.yml").read_text()
    assert "# A comment that stays." in metafile
    first, second = yaml.safe_load(metafile)["Models"]
    assert first["Weights"] == "weights/first.safetensors"
    assert "Weights" not in second

    monkeypatch.setattr(
        "mmris.apis.published_checkpoint.read_model_index", lambda: models
    )
    words = ["the red circle", "left"]
    by_name = RefSegInferencer(model="first", device="cpu")
    before = RefSegInferencer(checkpoint=checkpoint, device="cpu")
    found, expected = (
        segment(PICTURE, words, channel_order="rgb", with_logits=True).logits
        for segment in (by_name, before)
    )
    np.testing.assert_array_equal(found, expected)
    # A second time the entry is replaced, not doubled.
    assert tool.main(arguments) == 0
    assert (root / "configs/m/metafile.yml").read_text() == metafile
    # A file that was changed is refused.
    file.write_bytes(content[:-1] + b"\0")
    with pytest.raises(ValueError, match="has the checksum"):
        RefSegInferencer(model="first", device="cpu")
    with pytest.raises(ValueError, match="second has no trained weights"):
        RefSegInferencer(model="second", device="cpu")
    with pytest.raises(ValueError, match="is given beside config or checkpoint"):
        RefSegInferencer(checkpoint=checkpoint, model="first", device="cpu")


def test_half_only_if_the_scores_stay(tool, root, checkpoint, monkeypatch, capsys):
    scores = [{"mIoU": 70.04, "Prec@0.9": 40.75}, {"mIoU": 69.96, "Prec@0.9": 41.17}]
    monkeypatch.setattr(tool, "scores_of", lambda *_: scores.pop(0))
    arguments = [str(checkpoint), "first", "--root", str(root), "--half"]
    assert tool.main(arguments) == 0
    half = load_checkpoint_file(root / "weights" / "first.safetensors")["state_dict"]
    full = load_checkpoint_file(checkpoint)["state_dict"]
    assert {name for name in half if half[name].dtype == torch.half} == {
        name for name in full if full[name].dtype == torch.float and full[name].ndim > 1
    }
    torch.testing.assert_close(
        {name: value.to(full[name].dtype) for name, value in half.items()},
        dict(full),
        rtol=1e-3,
        atol=1e-6,
    )
    scores += [{"mIoU": 70.04}, {"mIoU": 69.93}]
    assert tool.main(arguments) == 2
    assert "with fewer bits mIoU is 69.93, not 70.04" in capsys.readouterr().err
    scores += [{"Prec@0.9": 40.0}, {"Prec@0.9": 40.6}]
    assert tool.main(arguments) == 2
    assert "with fewer bits Prec@0.9 is 40.60, not 40.00" in capsys.readouterr().err


def test_eight_bits_only_until_it_is_small_enough(tool, monkeypatch):
    state = {name: torch.randn(100, size) for name, size in zip("abc", (9, 99, 50))}
    monkeypatch.setattr(tool, "HEADER_BYTES", 0)
    monkeypatch.setattr(tool, "MAX_BYTES", 2 * 100 * 158 - 5000)
    small = tool.eight_bits_of(tool.half_of(state), state)
    kinds = {name: value.dtype for name, value in small.items()}
    assert kinds == {
        "a": torch.half,
        "b": torch.int8,
        "b.scale": torch.float,
        "c": torch.half,
    }


def test_what_is_refused(tool, root, checkpoint, monkeypatch, capsys):
    given = ["--root", str(root)]
    assert tool.main([str(checkpoint), "third", *given]) == 2
    assert "the model index has no model 'third'" in capsys.readouterr().err
    monkeypatch.setattr(tool, "MAX_BYTES", 1 << 10)
    assert tool.main([str(checkpoint), "first", *given]) == 2
    assert "or store fewer bits with --half" in capsys.readouterr().err
    assert not (root / "weights").exists()
    assert "Weights" not in (root / "configs/m/metafile.yml").read_text()
    with pytest.raises(ValueError, match="big has values up to 1e.05, too large for"):
        tool.half_of({"big": torch.full((1, 1), 1e5)})


def test_the_real_weights_are_those_of_the_index():
    """Every file has an entry, every entry its file; none is too large."""
    for model in read_model_index():
        if model.weights is not None and "://" not in model.weights.address:
            content = Path(model.weights.address).read_bytes()
            assert hashlib.sha256(content).hexdigest() == model.weights.sha256
            assert len(content) < 5_000_000
            assert model.weights.address.endswith(f"weights/{model.name}.safetensors")
