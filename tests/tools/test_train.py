import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_run
import torch
from mmengine.config import Config

REPOSITORY = Path(__file__).resolve().parents[2]


def train(tool, config, work_dir, *options):
    return tool.main([str(config), "--work-dir", str(work_dir), *options])


def checkpoint(path):
    return torch.load(path, weights_only=False)


def scalars(work_dir):
    (log,) = work_dir.glob("*/vis_data/scalars.json")
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_work_dir_holds_checkpoints_logs_config_and_pictures(trained):
    _, work_dir = trained
    assert (work_dir / "iter_4.pth").is_file()
    assert (work_dir / "last_checkpoint").read_text() == "iter_4.pth"
    assert len(list(work_dir.glob("best_oIoU_iter_*.pth"))) == 1
    assert (work_dir / "trained0.py").is_file()
    assert list(work_dir.glob("*/vis_data/events.out.tfevents.*"))
    pictures = sorted(path.name for path in work_dir.glob("*/vis_data/vis_image/*"))
    assert pictures == [f"val_{i}_{k}_4.png" for i in range(4) for k in range(2)]
    (log,) = work_dir.glob("*/*.log")
    assert "eta: 0:00:00" in log.read_text()


def test_scores_are_logged_with_their_iteration(trained):
    entries = scalars(trained[1])
    assert [entry["step"] for entry in entries if "loss" in entry] == [1, 2, 3, 4]
    (score,) = [entry for entry in entries if "oIoU" in entry]
    assert score["step"] == 4
    assert {"mIoU", "Prec@0.5", "mIoU_attribute"} <= score.keys()


def test_short_runs_pass_through_the_whole_schedule(trained):
    rates = [entry["lr"] for entry in scalars(trained[1]) if "loss" in entry]
    assert rates == pytest.approx([0.25, 0.5, 0.5, 0.0])


def test_the_dumped_config_gives_the_same_run(trained, train_tool, tmp_path):
    _, work_dir = trained
    assert train(train_tool, work_dir / "trained0.py", tmp_path / "again") == 0
    first = checkpoint(work_dir / "iter_4.pth")["state_dict"]
    second = checkpoint(tmp_path / "again" / "iter_4.pth")["state_dict"]
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=0, atol=0)


def test_resume_continues_where_the_run_stopped(train_tool, config, tmp_path):
    work_dir = tmp_path / "run"
    train(train_tool, config, work_dir, "--max-iters", "2")
    options = ["--max-iters", "3", "--resume"]
    assert train(train_tool, config, work_dir, *options) == 0
    log = max(work_dir.glob("*/*.log")).read_text()
    assert "resumed epoch: 0, iter: 2" in log
    assert checkpoint(work_dir / "iter_3.pth")["meta"]["iter"] == 3


def test_resume_takes_a_checkpoint(trained, train_tool, config, tmp_path):
    source = str(trained[1] / "iter_4.pth")
    options = ["--max-iters", "5", "--resume", source]
    assert train(train_tool, config, tmp_path / "run", *options) == 0
    assert checkpoint(tmp_path / "run" / "iter_5.pth")["meta"]["iter"] == 5


def test_resume_without_anything_to_resume_starts_anew(train_tool, config, tmp_path):
    options = ["--max-iters", "1", "--resume"]
    assert train(train_tool, config, tmp_path / "run", *options) == 0
    assert (tmp_path / "run" / "iter_1.pth").is_file()


def test_load_from_starts_a_new_run_from_weights(trained, train_tool, config, tmp_path):
    source = trained[1] / "iter_4.pth"
    options = ["--max-iters", "1", "--load-from", str(source)]
    options += ["--cfg-options", "optim_wrapper.optimizer.lr=0.0"]
    assert train(train_tool, config, tmp_path / "run", *options) == 0
    before = checkpoint(source)["state_dict"]["conv.weight"]
    after = checkpoint(tmp_path / "run" / "iter_1.pth")
    assert after["meta"]["iter"] == 1
    torch.testing.assert_close(after["state_dict"]["conv.weight"], before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the precision of a CPU")
def test_amp_trains_in_bfloat16_on_a_cpu(train_tool, config, tmp_path, monkeypatch):
    seen = []
    forward = tiny_run.TinyModel.forward

    def spy(self, inputs, data_samples=None, mode="tensor"):
        enabled = torch.is_autocast_enabled("cpu")
        seen.append((mode, enabled, torch.get_autocast_dtype("cpu")))
        return forward(self, inputs, data_samples, mode)

    monkeypatch.setattr(tiny_run.TinyModel, "forward", spy)
    options = ["--max-iters", "2", "--amp"]
    assert train(train_tool, config, tmp_path / "run", *options) == 0
    assert ("loss", True, torch.bfloat16) in seen
    assert all(enabled == (mode == "loss") for mode, enabled, _ in seen)
    weights = checkpoint(tmp_path / "run" / "iter_2.pth")["state_dict"]
    assert all(value.isfinite().all() for value in weights.values())


def test_seeds_decide_the_run(train_tool, config, tmp_path):
    weights = []
    for run, seed in enumerate(("1", "1", "2")):
        work_dir = tmp_path / f"run{run}"
        options = ["--max-iters", "1", "--seed", seed, "--deterministic"]
        train(train_tool, config, work_dir, *options)
        weights.append(checkpoint(work_dir / "iter_1.pth")["state_dict"]["conv.weight"])
        torch.use_deterministic_algorithms(False)
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
    assert not torch.equal(weights[0], weights[2])


def test_another_dataset_leaves_no_key_of_the_one_before(train_tool, config, tmp_path):
    options = ["--max-iters", "1", "--dataset", "dark"]
    assert train(train_tool, config, tmp_path / "run", *options) == 0
    cfg = Config.fromfile(str(tmp_path / "run" / config.name))
    assert cfg.train_dataloader.dataset.length == 6
    assert cfg.train_dataloader.dataset.bright == 0
    assert cfg.train_dataloader.dataset.sampling == "image"
    assert cfg.train_dataloader.batch_size == 2
    assert cfg.val_evaluator.precision_thresholds == [0.5]


def test_work_dir_is_named_after_the_config(train_tool, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train_tool.main([str(config), "--max-iters", "1"]) == 0
    assert (tmp_path / "work_dirs" / config.stem / "iter_1.pth").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--load-from", "gone.pth"],
            r"no checkpoint file 'gone\.pth' \(--load-from\)",
        ),
        (["--resume", "gone.pth"], r"no checkpoint file 'gone\.pth' \(--resume\)"),
        (["--resume", "--load-from", "a.pth"], "give one of them"),
        (["--dataset", "gone"], r"no dataset 'gone'; choose one of .*dark"),
        (["--max-iters", "0"], "--max-iters is 0; give at least 1"),
    ],
)
def test_wrong_options_give_one_line(train_tool, config, capsys, options, message):
    assert train_tool.main([str(config), *options]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(printed)


def test_missing_config_gives_one_line(train_tool, capsys):
    assert train_tool.main(["configs/baseline/baseline_tiny_shape.py"]) == 2
    assert "no config file" in capsys.readouterr().err


def test_two_processes_train_and_score_together(config, tmp_path):
    work_dir = tmp_path / "run"
    script = ["bash", str(REPOSITORY / "tools" / "dist_train.sh"), str(config), "2"]
    options = ["--work-dir", str(work_dir), "--max-iters", "3", "--seed", "1", "--amp"]
    options += ["--cfg-options", "val_evaluator.precision_thresholds=[0.5]"]
    environment = dict(os.environ, PORT="29611", CUDA_VISIBLE_DEVICES="")
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        [*script, *options],
        cwd=tmp_path,  # MMEngine leaves a folder there
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert (work_dir / "iter_3.pth").is_file()
    assert scalars(work_dir)[-1]["step"] == 3
    assert np.isfinite(scalars(work_dir)[-1]["oIoU"])


@pytest.mark.slow
def test_the_tiny_shapes_config_trains(train_tool, tmp_path):
    config = REPOSITORY / "configs" / "baseline" / "baseline_tiny_shapes.py"
    options = ["--max-iters", "2", "--cfg-options", "val_dataloader.dataset.indices=2"]
    assert train(train_tool, config, tmp_path / "run", *options) == 0
    assert (tmp_path / "run" / "iter_2.pth").is_file()
    assert list((tmp_path / "run").glob("*/vis_data/vis_image/*.png"))
