"""Full disks, losses that are no numbers, and processes that die."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest
import tiny_run
import torch
from mmengine.runner import IterBasedTrainLoop
from resumed_runs import BY_ITERATION, assert_equal, state

from mmris.utils import load_checkpoint_file

CODE_OF_AN_ERROR = 2


def error_line(text):
    assert "Traceback" not in text, text
    assert "--- Logging error ---" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("error: ")]
    return line


def limit_file_sizes():
    """Like a disk that gets full: no file may be larger from the fifth iteration on."""
    run_iter = IterBasedTrainLoop.run_iter

    def limited(loop, batch):
        if loop.iter == 4:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (45_000, 45_000))
        run_iter(loop, batch)

    IterBasedTrainLoop.run_iter = limited


def test_a_full_disk_leaves_the_checkpoint_before(train, write, tmp_path):
    path = write(BY_ITERATION)
    codes, (text,) = train(path, "cut", change=limit_file_sizes)
    assert codes == [CODE_OF_AN_ERROR], text
    line = error_line(text)
    assert "cannot be written" in line
    assert "File too large" in line
    assert "go on with --resume" in line
    files = sorted(file.name for file in (tmp_path / "cut").glob("*iter_*"))
    assert {"iter_3.pth", "iter_4.pth"} <= set(files)  # regular, and with a best score
    assert not [name for name in files if name.endswith(".part")]
    assert (tmp_path / "cut" / "last_checkpoint").read_text() == "iter_4.pth"
    assert train(path, "cut", "--resume")[0] == [0]
    assert train(path, "whole")[0] == [0]
    assert_equal(state(tmp_path / "cut"), state(tmp_path / "whole"))


@pytest.mark.slow
def test_a_small_disk(train, write, tmp_path):
    """A real one, on which the log finds no room either."""
    folder = tmp_path / "run"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=260k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs the rights of root")
    try:
        codes, (text,) = train(write(BY_ITERATION), "run")
        assert codes == [CODE_OF_AN_ERROR], text
        line = error_line(text)
        assert "cannot be written" in line
        assert "No space left on device" in line
        name = (folder / "last_checkpoint").read_text()
        assert load_checkpoint_file(folder / name)["meta"]["iter"] > 0
        subprocess.run(["mount", "-o", "remount,size=4m", str(folder)], check=True)
        codes, (text,) = train(write(BY_ITERATION), "run", "--resume")
        assert codes == [0], text
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        codes, (text,) = train(write(BY_ITERATION), "run", "--resume")
        assert codes == [CODE_OF_AN_ERROR], text
        assert "the work dir" in error_line(text)
        assert "(Read-only file system)" in error_line(text)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def spoil_the_loss():
    """No number in the sixth iteration, after five."""
    forward = tiny_run.TinyRandomModel.forward
    run_iter = IterBasedTrainLoop.run_iter
    now = []

    def counted(loop, batch):
        now[:] = [loop.iter]
        run_iter(loop, batch)

    def spoiled(model, inputs, data_samples=None, mode="tensor"):
        result = forward(model, inputs, data_samples, mode)
        rank = os.environ.get("RANK", "1")
        if mode == "loss" and now == [5] and rank == "1":
            sys.stdout.write(f"loss before: {result['loss'].item()}\n")
            result["loss"] = result["loss"] * float("nan")
        return result

    IterBasedTrainLoop.run_iter = counted
    tiny_run.TinyRandomModel.forward = spoiled


@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_loss_that_is_no_number(train, write, tmp_path, ranks):
    path, folder = write(BY_ITERATION), tmp_path / "run"
    codes, texts = train(path, "run", change=spoil_the_loss, ranks=ranks)
    assert codes == [CODE_OF_AN_ERROR] * ranks, texts
    line = error_line(texts[-1])
    assert "the loss is nan after 5 iterations (pictures " in line
    file = folder / "nonfinite_iter_5.pth"
    assert line.endswith(f"train with --resume {file}")
    (found,) = folder.glob("nonfinite_iter_5_rank_*.json")
    samples = json.loads(found.read_text())["samples"]
    assert f"pictures {', '.join(str(s['image_id']) for s in samples)}, see" in line
    assert samples[0]["expressions"] == list(tiny_run.EXPRESSIONS)
    contents = load_checkpoint_file(file)
    assert contents["meta"]["iter"] == 5
    assert all(value.isfinite().all() for value in contents["state_dict"].values())
    # What --resume alone goes on from is the regular one.
    assert (folder / "last_checkpoint").read_text() == "iter_4.pth"
    # The same batch and the same random numbers come again.
    again = ["--resume", str(file)]
    codes, repeated = train(
        path, "run", *again, change=spoil_the_loss, ranks=ranks, seed=9
    )
    assert codes == [CODE_OF_AN_ERROR] * ranks
    assert error_line(repeated[-1]) == line
    before = [
        [part for part in text.splitlines() if "loss before" in part]
        for text in (texts[-1], repeated[-1])
    ]
    assert before[0] == before[1]
    assert len(before[0]) == 1


def kill_a_worker():
    run_iter = IterBasedTrainLoop.run_iter

    def killing(loop, batch):
        if loop.iter == 4:
            worker = loop.dataloader_iterator._iterator._workers[0]
            os.kill(worker.pid, signal.SIGKILL)
        run_iter(loop, batch)

    IterBasedTrainLoop.run_iter = killing


def test_a_dead_worker_ends_the_run_with_its_cause(train, write):
    options = ["--cfg-options", "train_dataloader.num_workers=2"]
    codes, (text,) = train(write(BY_ITERATION), "run", *options, change=kill_a_worker)
    assert codes == [CODE_OF_AN_ERROR], text
    line = error_line(text)
    assert "a worker that loads data died: DataLoader worker (pid" in line
    assert "had no memory left" in line


def die():
    run_iter = IterBasedTrainLoop.run_iter

    def dying(loop, batch):
        if loop.iter == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        run_iter(loop, batch)

    IterBasedTrainLoop.run_iter = dying


def test_a_dead_process_ends_the_others(train, write):
    start = time.monotonic()
    codes, texts = train(write(BY_ITERATION), "run", ranks=2, change=die)
    assert codes == [CODE_OF_AN_ERROR, -signal.SIGKILL], texts
    assert "another process of this job is gone" in error_line(texts[0])
    assert time.monotonic() - start < 60


def test_a_run_says_what_it_was_made_of(train, write, tmp_path):
    codes, texts = train(write(BY_ITERATION), "run", "--max-iters", "3")
    assert codes == [0], texts
    (file,) = (tmp_path / "run").glob("*/run.json")
    record = json.loads(file.read_text())
    assert record["command"].startswith(sys.executable)
    assert record["versions"]["torch"] == torch.__version__
    assert record["data"]["train"]["items"] == 8
    assert record["seed"] == 0
    # Other data are noticed when the run goes on.
    changed = ["--cfg-options", "train_dataloader.dataset.length=7"]
    options = ("--max-iters", "5", "--resume")
    assert "data are others" not in train(write(BY_ITERATION), "run", *options)[1][0]
    codes, (text,) = train(write(BY_ITERATION), "run", *options, *changed)
    assert codes == [0], text
    assert "The training data are others than before" in text
