"""The converter of SHNet's checkpoints as a command, to a model that answers."""

import pytest
import torch
from mmengine.config import Config

from mmris.apis import init_model
from tests import hostile_checkpoints
from tests.conftest import REPOSITORY
from tests.load_tool import load_tool
from tests.references.shnet_checkpoint import random_weights
from tests.utils.test_shnet_checkpoint import SMALL, published_shapes, small_config

CONFIG = "configs/shnet/shnet-released_dlv3p-r101-lstm_1xb32-113k_refcoco-320.py"


@pytest.fixture(scope="module")
def program():
    return load_tool("model_converters/shnet_to_mmris")


@pytest.fixture
def files(tmp_path):
    """Config, checkpoint of the release, backbone's weights, and where to."""
    config = Config.fromfile(REPOSITORY / CONFIG)
    config.model = small_config()
    config.dump(tmp_path / "config.py")
    weights = random_weights(published_shapes(**SMALL))
    torch.save({"epoch": 1, "state_dict": weights}, tmp_path / "shnet.pth")
    model = init_model(config)
    torch.save(model.backbone.state_dict(), tmp_path / "backbone.pth")
    (tmp_path / "words.txt").write_text("<pad>\n<go>\n<eos>\n<unk>\nred\ncircle\n")
    return tmp_path


def run(program, folder, *options, checkpoint="shnet.pth"):
    names = ("config.py", checkpoint, "out.pth")
    arguments = [str(folder / name) for name in names]
    backbone = ["--backbone", str(folder / "backbone.pth")]
    return program.main([*arguments, *backbone, *options])


def test_with_words_the_result_is_a_whole_model(program, files, capsys):
    words = f"model.text_encoder.vocabulary={files / 'words.txt'}"
    assert run(program, files, "--cfg-options", words) == 0
    printed = capsys.readouterr().out
    assert "not in SHNet's checkpoint: backbone, frozen in the release" in printed
    assert "words: 6 entries" in printed
    # It is read as any checkpoint is: what does not fit exactly is refused.
    model = init_model(files / "config.py", files / "out.pth")
    assert model.text_encoder.words(["red cup"]) == [["red", "cup (unknown)"]]
    theirs = torch.load(files / "shnet.pth", weights_only=True)["state_dict"]
    ours = model.decode_head.mask_decoder.score.weight
    assert torch.equal(ours, theirs["mask_decoder.mask_deconv.3.weight"])
    stem = torch.load(files / "backbone.pth", weights_only=True)["conv1.weight"]
    assert torch.equal(model.backbone.conv1.weight, stem)


def test_without_words_it_says_where_they_come_from(program, files, capsys):
    assert run(program, files) == 0
    assert "they come from the training sentences" in capsys.readouterr().out
    state = torch.load(files / "out.pth", weights_only=True)["state_dict"]
    assert not any("embedding" in name or "_extra_state" in name for name in state)


def test_nothing_is_written_of_something_else(program, files, capsys):
    assert run(program, files, checkpoint="backbone.pth") == 2
    assert "none of SHNet's names" in capsys.readouterr().err
    assert not (files / "out.pth").exists()


@pytest.mark.parametrize("kind", hostile_checkpoints.KINDS)
def test_hostile_files_are_refused(program, files, capsys, kind):
    marker = files / "marker"
    kind(files / "hostile.pth", marker)
    assert run(program, files, checkpoint="hostile.pth") == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not marker.exists()
    assert not (files / "out.pth").exists()
