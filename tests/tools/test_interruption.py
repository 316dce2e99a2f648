"""Ctrl-C and SIGTERM, sent to a real training."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
TOTAL = 60


def start(config, work_dir, *options, launcher=()):
    command = [*(launcher or (sys.executable, "-W", "ignore", "tools/train.py"))]
    command += [str(config), *(() if not launcher else ("2",))]
    command += ["--work-dir", str(work_dir), "--max-iters", str(TOTAL), "--cfg-options"]
    command += ["default_hooks.logger.interval=5", *options]
    command += ["train_dataloader.dataset.seconds=0.02"]
    return launch(command)


def launch(command):
    environment = dict(os.environ, PORT="29613", CUDA_VISIBLE_DEVICES="")
    environment["PYTHONUNBUFFERED"] = "1"
    folders = [str(Path(__file__).parent), str(REPOSITORY)]
    environment["PYTHONPATH"] = os.pathsep.join(folders)
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment["OMP_NUM_THREADS"] = "1"
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(process, text):
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(process.stderr.read())


def end(process):
    printed, errors = process.communicate(timeout=200)
    return process.returncode, printed, errors


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


@pytest.mark.parametrize(
    ("number", "code", "options"),
    [
        pytest.param(signal.SIGINT, 130, [], marks=pytest.mark.slow),
        # As from a terminal or a scheduler: to the workers as well.
        (signal.SIGINT, 130, ["train_dataloader.num_workers=2"]),
        (signal.SIGTERM, 143, ["train_dataloader.num_workers=2"]),
    ],
    ids=["one", "ctrl-c", "sigterm"],
)
def test_a_run_goes_on_where_it_was_stopped(config, tmp_path, number, code, options):
    work_dir = tmp_path / "run"
    process = start(config, work_dir, *options)
    wait_for(process, "Iter(train) [ 5/60]")
    os.killpg(process.pid, number)
    returncode, _, errors = end(process)
    assert returncode == code, errors
    assert "Traceback" not in errors
    saved = only(work_dir, "iter_*.pth")
    done = torch.load(saved, weights_only=False)["meta"]["iter"]
    assert 5 <= done < TOTAL
    assert saved.name == f"iter_{done}.pth"
    assert (work_dir / "last_checkpoint").read_text() == saved.name
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert f"stopped by {name}; the state is saved in {saved}. Go on with:" in errors
    command = shlex.split(errors.strip().splitlines()[-1])
    assert command[-1] == "--resume"
    returncode, printed, errors = end(launch(command))
    assert returncode == 0, errors
    assert f"resumed epoch: 0, iter: {done}" in printed
    first = re.search(r"Iter\(train\) \[ *(\d+)/60\]", printed)[1]
    assert done < int(first) <= done + 5
    final = torch.load(work_dir / f"iter_{TOTAL}.pth", weights_only=False)
    assert final["meta"]["iter"] == TOTAL


def test_a_validation_is_left(config, tmp_path):
    options = ["train_cfg.val_interval=7", "val_dataloader.dataset.length=3000"]
    process = start(config, tmp_path / "run", *options)
    wait_for(process, "Iter(val)")
    process.send_signal(signal.SIGTERM)
    returncode, _, errors = end(process)
    assert returncode == 143, errors
    contents = torch.load(tmp_path / "run" / "iter_7.pth", weights_only=False)
    assert contents["meta"]["iter"] == 7


@pytest.mark.slow
def test_averaged_weights_of_a_validation_are_not_taken_for_the_trained(
    config, tmp_path
):
    options = ["train_cfg.val_interval=7", "val_dataloader.dataset.length=3000"]
    config.write_text(config.read_text() + "custom_hooks = [dict(type='EMAHook')]\n")
    process = start(config, tmp_path / "run", *options)
    wait_for(process, "Iter(val)")
    process.send_signal(signal.SIGINT)
    assert end(process)[0] == 130
    stopped = torch.load(tmp_path / "run" / "iter_7.pth", weights_only=False)
    # The same run, saved by the regular hook at the same iteration.
    regular = ["default_hooks.checkpoint.interval=7", "train_cfg.val_begin=1000"]
    process = start(config, tmp_path / "regular", *regular)
    wait_for(process, "Saving checkpoint at 14 iterations")
    process.kill()
    process.communicate()
    expected = torch.load(tmp_path / "regular" / "iter_7.pth", weights_only=False)
    for part in ("state_dict", "ema_state_dict"):
        for name, value in expected[part].items():
            torch.testing.assert_close(stopped[part][name], value)


def test_all_processes_stop_at_the_same_iteration(config, tmp_path):
    launcher = ("bash", str(REPOSITORY / "tools" / "dist_train.sh"))
    process = start(config, tmp_path / "run", launcher=launcher)
    wait_for(process, "Iter(train) [ 5/60]")
    os.kill(process_of_rank(tmp_path / "run", 1), signal.SIGTERM)
    returncode, _, errors = end(process)
    assert returncode != 0
    saved = only(tmp_path / "run", "iter_*.pth")
    assert f"SIGTERM; the state is saved in {saved}. Go on with:" in errors
    assert "with --resume added" in errors
    done = torch.load(saved, weights_only=False)["meta"]["iter"]
    assert 5 <= done < TOTAL


def process_of_rank(work_dir, rank):
    """The training process of a rank, which torchrun started."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                environment = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(work_dir).encode() in words and f"RANK={rank}".encode() in (
                environment
            ):
                return int(entry.name)
    raise AssertionError(f"no process of rank {rank}")
