"""Ctrl-C, SIGTERM and SIGUSR1, sent to trainings."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from resumed_runs import BY_ITERATION, Stop

REPOSITORY = Path(__file__).resolve().parents[2]
TOTAL = 11


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


@pytest.mark.parametrize(
    ("number", "code", "workers"),
    [
        (signal.SIGUSR1, 138, 0),
        # As from a terminal or a scheduler: to the workers as well.
        (signal.SIGINT, 130, 2),
        pytest.param(signal.SIGTERM, 143, 2, marks=pytest.mark.slow),
    ],
    ids=["sigusr1", "ctrl-c", "sigterm"],
)
def test_a_run_goes_on_where_it_was_stopped(
    train, write, tmp_path, number, code, workers
):
    work_dir = tmp_path / "run"
    options = ["--cfg-options", f"train_dataloader.num_workers={workers}"]
    options.append("default_hooks.logger.interval=1")
    stop = Stop(number, done=5, group=True)
    codes, (text,) = train(write(BY_ITERATION), "run", *options, change=stop)
    assert codes == [code], text
    assert "Traceback" not in text
    saved = work_dir / "iter_5.pth"
    assert torch.load(saved, weights_only=False)["meta"]["iter"] == 5
    assert (work_dir / "last_checkpoint").read_text() == saved.name
    name = "Ctrl-C" if number == signal.SIGINT else number.name
    assert f"stopped by {name}; the state is saved in {saved}. Go on with:" in text
    assert shlex.split(text.strip().splitlines()[-1])[-1] == "--resume"
    codes, (text,) = train(write(BY_ITERATION), "run", *options, "--resume")
    assert codes == [0], text
    assert "resumed epoch: 0, iter: 5" in text
    assert "Iter(train) [ 5/11]" not in text
    assert "Iter(train) [ 6/11]" in text
    final = torch.load(work_dir / f"iter_{TOTAL}.pth", weights_only=False)
    assert final["meta"]["iter"] == TOTAL


def interrupt_validation():
    """A signal in the second batch of the first validation."""
    from mmengine.runner import ValLoop  # noqa: PLC0415  (of the fork)

    run_iter = ValLoop.run_iter

    def run(loop, number, batch):
        if number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        run_iter(loop, number, batch)

    ValLoop.run_iter = run


def test_a_validation_is_left_with_the_trained_weights(train, write, tmp_path):
    """Not with their averages, which a validation scores."""
    path = write(BY_ITERATION)
    codes, (text,) = train(path, "run", change=interrupt_validation)
    assert codes == [143], text
    stopped = torch.load(tmp_path / "run" / "iter_4.pth", weights_only=False)
    assert stopped["meta"]["iter"] == 4
    # The same run, saved by the regular hook at the same iteration.
    options = ["default_hooks.checkpoint.interval=4", "train_cfg.val_begin=1000"]
    options = ["--cfg-options", *options]
    train(path, "regular", *options, change=Stop(signal.SIGKILL, done=5))
    expected = torch.load(tmp_path / "regular" / "iter_4.pth", weights_only=False)
    for part in ("state_dict", "ema_state_dict"):
        for name, value in expected[part].items():
            assert torch.equal(stopped[part][name], value), name


def test_all_processes_stop_at_the_same_iteration(train, write, tmp_path):
    """Whichever of them was told."""
    stop = Stop(signal.SIGTERM, done=5)
    codes, texts = train(write(BY_ITERATION), "run", ranks=2, change=stop)
    assert codes == [143, 143], texts
    saved = tmp_path / "run" / "iter_5.pth"
    assert f"SIGTERM; the state is saved in {saved}. Go on with:" in texts[0]
    assert "with --resume added" in texts[0]
    assert "Go on with" not in texts[1]
    assert torch.load(saved, weights_only=False)["meta"]["iter"] == 5


@pytest.mark.slow
@pytest.mark.parametrize("launched", [False, True], ids=["python", "torchrun"])
def test_real_programs(config, tmp_path, launched):
    """As a user starts them, not in forks of this process."""
    start = [sys.executable, "-W", "ignore", "tools/train.py", str(config)]
    if launched:
        start = ["bash", str(REPOSITORY / "tools" / "dist_train.sh"), str(config), "2"]
    command = [*start, "--work-dir", str(tmp_path / "run"), "--max-iters", "60"]
    command += ["--cfg-options", "default_hooks.logger.interval=5"]
    command += ["train_dataloader.dataset.seconds=0.05"]
    environment = dict(os.environ, PORT="29613", CUDA_VISIBLE_DEVICES="")
    environment["PYTHONUNBUFFERED"] = "1"
    folders = [str(Path(__file__).parent), str(REPOSITORY)]
    environment["PYTHONPATH"] = os.pathsep.join(folders)
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if "Iter(train) [ 5/60]" in line:
            break
    target = process_of_rank(tmp_path / "run", 1) if launched else process.pid
    os.kill(target, signal.SIGTERM)
    _, errors = process.communicate(timeout=200)
    assert process.returncode != 0 if launched else process.returncode == 143, errors
    saved = only(tmp_path / "run", "iter_*.pth")
    assert f"SIGTERM; the state is saved in {saved}. Go on with:" in errors
    assert 5 <= torch.load(saved, weights_only=False)["meta"]["iter"] < 60


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
