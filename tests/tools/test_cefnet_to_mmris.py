"""The converter of CEFNet's checkpoints as a command, to a model that answers."""

import ast
import re

import pytest
import torch
from mmengine.config import Config

from mmris.apis import init_model
from tests import hostile_checkpoints
from tests.load_tool import load_tool
from tests.utils.test_cefnet_checkpoint import (
    FOLDER,
    NAME,
    SPECIALS,
    WORDS,
    small_config,
    small_weights,
)


@pytest.fixture(scope="module")
def program():
    return load_tool("model_converters/cefnet_to_mmris")


@pytest.fixture
def files(tmp_path):
    """Config, checkpoint of the release, list of words, and where to."""
    config = Config.fromfile(FOLDER / NAME)
    config.model = small_config()
    config.dump(tmp_path / "config.py")
    torch.save(small_weights(), tmp_path / "cefnet.pth")
    (tmp_path / "words.txt").write_text("\n".join([*SPECIALS, *WORDS]))
    return tmp_path


def run(program, folder, *options, checkpoint="cefnet.pth"):
    names = ("config.py", checkpoint, "out.pth")
    return program.main([*(str(folder / name) for name in names), *options])


def test_with_words_the_result_is_a_whole_model(program, files, capsys):
    words = f"model.text_encoder.vocabulary={files / 'words.txt'}"
    assert run(program, files, "--cfg-options", words) == 0
    printed = capsys.readouterr().out
    assert "words: 12 entries" in printed
    assert "left out" not in printed
    # It is read as any checkpoint is: what does not fit exactly is refused.
    model = init_model(files / "config.py", files / "out.pth")
    assert model.text_encoder.words(["red cup"]) == [["red", "cup (unknown)"]]
    theirs = torch.load(files / "cefnet.pth", weights_only=True)
    embedding = theirs["textmodel.embedding.weight"]
    assert torch.equal(model.text_encoder.embedding.weight, embedding)
    mean = ast.literal_eval(re.search(r"mean=(\[.*?\])", printed)[1])
    std = ast.literal_eval(re.search(r"std=(\[.*?\])", printed)[1])
    # A picture of the mean is what the release's layer makes zero.
    norm = torch.nn.BatchNorm2d(3).eval()
    norm.load_state_dict(
        {name[7:]: value for name, value in theirs.items() if name.startswith("img_bn")}
    )
    pixels = torch.tensor([mean, [m + s for m, s in zip(mean, std, strict=True)]])
    found = norm(pixels[:, :, None, None]).flatten(1)
    expected = torch.tensor([[0.0] * 3, [1.0] * 3])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


def test_without_words_it_says_so(program, files, capsys):
    assert run(program, files) == 0
    printed = capsys.readouterr().out
    assert "left out: textmodel.embedding.weight, its words are not known" in printed
    assert "set model.text_encoder.vocabulary" in printed
    state = torch.load(files / "out.pth", weights_only=True)["state_dict"]
    assert not any("embedding" in name or "_extra_state" in name for name in state)


def test_nothing_is_overwritten_or_written_of_something_else(program, files, capsys):
    torch.save({"conv1.weight": torch.zeros(1)}, files / "other.pth")
    assert run(program, files, checkpoint="other.pth") == 2
    assert "none of CEFNet's names" in capsys.readouterr().err
    (files / "out.pth").write_text("mine")
    with pytest.raises(SystemExit):
        run(program, files)
    assert "--overwrite" in capsys.readouterr().err
    assert (files / "out.pth").read_text() == "mine"


@pytest.mark.parametrize("kind", hostile_checkpoints.KINDS)
def test_hostile_files_are_refused(program, files, capsys, kind):
    marker = files / "marker"
    kind(files / "hostile.pth", marker)
    assert run(program, files, checkpoint="hostile.pth") == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not marker.exists()
    assert not (files / "out.pth").exists()
