"""The converter from the command line, on a file as a library writes it."""

import pytest
import torch
from torchvision.models import resnet18

from mmris.registry import MODELS
from tests import hostile_checkpoints
from tests.load_tool import load_tool

CONFIG = """
model = dict(
    backbone=dict(
        type="mmseg.ResNet",
        depth=18,
        init_cfg=dict(type="Pretrained", checkpoint="not fetched"),
    )
)
"""


@pytest.fixture(scope="module")
def program():
    return load_tool("model_converters/backbone_to_mmris")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(CONFIG)
    return str(path)


def test_it_says_what_became_of_the_weights(program, config, tmp_path, capsys):
    weights, out = resnet18().half().state_dict(), tmp_path / "out.pth"
    torch.save({"epoch": 3, "model": weights}, tmp_path / "in.pth")
    assert program.main([config, str(tmp_path / "in.pth"), str(out)]) == 0
    printed = capsys.readouterr().out
    assert "120 weights of mmseg.ResNet" in printed
    assert "left out: 2 weights of fc, the classifier of the pretraining" in printed
    settings = {}
    exec(printed.splitlines()[-1], settings)  # it is a line of a config
    backbone = MODELS.build(
        {"type": "mmseg.ResNet", "depth": 18, "init_cfg": settings["init_cfg"]}
    )
    backbone.init_weights()
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, weights[name].to(value.dtype)), name


def test_nothing_is_written_of_the_weights_of_another_backbone(
    program, config, tmp_path, capsys
):
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "in.pth")
    out = tmp_path / "out.pth"
    assert program.main([config, str(tmp_path / "in.pth"), str(out)]) == 2
    assert "99 missing from the checkpoint" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("kind", hostile_checkpoints.KINDS)
def test_hostile_files_are_refused(program, config, tmp_path, capsys, kind):
    path, marker = tmp_path / "hostile.pth", tmp_path / "marker"
    kind(path, marker)
    out = tmp_path / "out.pth"
    assert program.main([config, str(path), str(out)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not marker.exists()
    assert not out.exists()
