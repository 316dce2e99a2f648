"""Hostile checkpoints run no code, whichever way they reach the tools."""

import contextlib

import pytest
import torch

from tests import hostile_checkpoints
from tests.conftest import REPOSITORY

IDS = [kind.__name__ for kind in hostile_checkpoints.KINDS]
REFUSED = "evil.pth cannot be read"


@pytest.fixture(params=hostile_checkpoints.KINDS, ids=IDS)
def evil(request, tmp_path):
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    request.param(path, marker)
    yield path
    assert not marker.exists()


def one_line(capsys):
    """What the tool wrote to the error stream, which is one line."""
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert "Traceback" not in printed
    return printed


@pytest.mark.parametrize("kind", hostile_checkpoints.KINDS, ids=IDS)
def test_they_are_hostile(kind, tmp_path):
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    kind(path, marker)
    with contextlib.suppress(Exception):
        torch.load(path, weights_only=False)
    assert marker.exists() == (kind not in hostile_checkpoints.HARMLESS_ALONE)


@pytest.mark.parametrize("option", ["--load-from", "--resume"])
def test_training(evil, option, config, train_tool, tmp_path, capsys):
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), option, str(evil)]
    assert train_tool.main(arguments) == 2
    assert REFUSED in one_line(capsys)


def test_resuming_what_the_work_dir_names(evil, config, train_tool, tmp_path, capsys):
    work_dir = tmp_path / "run"
    work_dir.mkdir()
    (work_dir / "last_checkpoint").write_text(str(evil))
    arguments = [str(config), "--work-dir", str(work_dir), "--resume"]
    assert train_tool.main(arguments) == 2
    assert REFUSED in one_line(capsys)


def test_testing(evil, config, test_tool, tmp_path, capsys):
    arguments = [str(config), str(evil), "--work-dir", str(tmp_path / "run")]
    assert test_tool.main(arguments) == 2
    assert REFUSED in one_line(capsys)


def test_a_config_that_names_one(evil, config, train_tool, tmp_path, capsys):
    arguments = [str(config), "--work-dir", str(tmp_path / "run")]
    arguments += ["--cfg-options", f"load_from={evil}"]
    assert train_tool.main(arguments) == 2
    assert REFUSED in one_line(capsys)


def test_pretrained_weights_of_a_part(train_tool, tmp_path, capsys):
    path, marker = tmp_path / "evil.pth", tmp_path / "marker"
    hostile_checkpoints.zip_of_torch(path, marker)
    config = REPOSITORY / "configs/baseline/baseline_tiny_shapes.py"
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--cfg-options"]
    for split in ("train", "val", "test"):
        arguments += [f"{split}_dataloader.num_workers=0"]
        arguments += [f"{split}_dataloader.persistent_workers=False"]
    arguments += ["model.backbone.init_cfg.type=Pretrained"]
    arguments += [f"model.backbone.init_cfg.checkpoint={path}"]
    assert train_tool.main(arguments) == 2
    assert "it wants posix.system" in one_line(capsys)
    assert not marker.exists()


def test_the_program_in_old_metadata_is_not_run(trained, train_tool, tmp_path):
    """MMEngine's Runner executes meta["config"] when it resumes."""
    config, work_dir = trained
    contents = torch.load(work_dir / "iter_4.pth", weights_only=False)
    marker = tmp_path / "marker"
    contents["meta"]["config"] = f"import os\nos.system('touch {marker}')\n"
    torch.save(contents, tmp_path / "old.pth")
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--max-iters", "5"]
    assert train_tool.main([*arguments, "--resume", str(tmp_path / "old.pth")]) == 0
    assert (tmp_path / "run" / "iter_5.pth").is_file()
    assert not marker.exists()


def test_the_option_that_trusts_a_file(trained, train_tool, test_tool, tmp_path):
    config, work_dir = trained
    contents = torch.load(work_dir / "iter_4.pth", weights_only=False)
    marker = tmp_path / "marker"
    contents["meta"]["note"] = hostile_checkpoints.Command(marker)
    path = tmp_path / "trusted.pth"
    torch.save(contents, path)
    arguments = [str(config), str(path), "--work-dir", str(tmp_path / "test")]
    assert test_tool.main(arguments) == 2
    assert not marker.exists()
    assert test_tool.main([*arguments, "--trust-checkpoint"]) == 0
    assert marker.exists()
    marker.unlink()
    arguments = [str(config), "--work-dir", str(tmp_path / "run"), "--max-iters", "1"]
    arguments += ["--load-from", str(path)]
    assert train_tool.main([*arguments, "--trust-checkpoint"]) == 0
    assert marker.exists()
    marker.unlink()
    assert train_tool.main(arguments) == 2  # the trust ends with the command
    assert not marker.exists()
