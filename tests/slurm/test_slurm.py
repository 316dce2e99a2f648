"""Jobs of two nodes on a real Slurm, which this machine plays alone.

.ci/run runs them where it can install Slurm; by hand, as root,

    python tests/slurm/cluster.py install && pytest -m slurm
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.load_tool import load_tool
from tests.slurm import cluster

pytestmark = pytest.mark.slurm

REPOSITORY = Path(__file__).resolve().parents[2]
ITERATIONS = 8
LONG = 30
# Validation and test have lengths that two processes cannot share evenly.
CONFIG = """
_base_ = [{base!r}]
custom_imports = dict(imports=["frozen_statistics"])
custom_hooks = [dict(type="VocabularyHook"), dict(type="FrozenStatisticsHook")]
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(batch_size={batch}, dataset=dict(num_images=24), **loader)
val_dataloader = dict(dataset=dict(num_images=5), **loader)
test_dataloader = dict(dataset=dict(num_images=7), **loader)
train_cfg = dict(max_iters={iterations}, val_interval={iterations})
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1000))
param_scheduler = []
# Not Adam, whose first steps have the size of the rate however small the gradient.
optim_wrapper = dict(
    _delete_=True, type="OptimWrapper", optimizer=dict(type="SGD", lr=0.02)
)
"""


def write_config(folder, *, batch, iterations=ITERATIONS):
    base = REPOSITORY / "configs/baseline/baseline_tiny_shapes.py"
    path = folder / f"scenes_{batch}_{iterations}.py"
    path.write_text(CONFIG.format(base=str(base), batch=batch, iterations=iterations))
    return path


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Environment of the clients of a running cluster."""
    missing = cluster.missing_programs()
    if missing:
        pytest.skip(
            f"no {missing[0]}: run python tests/slurm/cluster.py install, as root"
        )
    folder = tmp_path_factory.mktemp("slurm")
    cluster.start(folder)
    environment = {
        name: value for name, value in os.environ.items() if "SLURM" not in name
    }
    environment.update(cluster.variables(folder))
    folders = [str(Path(__file__).parent), str(REPOSITORY)]
    environment["PYTHONPATH"] = os.pathsep.join(folders)
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment.update(
        GPUS="2", GPUS_PER_NODE="0", NNODES="2", CPUS_PER_TASK="1",
        OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="",
    )  # fmt: skip
    yield environment
    cluster.stop(folder)


def call(slurm, *command, timeout=500):
    return subprocess.run(
        [str(word) for word in command],
        env=slurm,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def slurm_script(name, *arguments):
    return ["bash", f"tools/slurm_{name}.sh", cluster.PARTITION, "scenes", *arguments]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Config and work dir of a training in this process, with whole batches."""
    folder = tmp_path_factory.mktemp("alone")
    sys.path.insert(0, str(Path(__file__).parent))
    config = write_config(folder, batch=4)
    work_dir = folder / "run"
    assert load_tool("train").main([str(config), "--work-dir", str(work_dir)]) == 0
    return config, work_dir


@pytest.fixture(scope="module")
def together(slurm, tmp_path_factory):
    """The same of a training by srun on two nodes, each with half of every batch."""
    folder = tmp_path_factory.mktemp("together")
    config, work_dir = write_config(folder, batch=2), folder / "run"
    done = call(slurm, *slurm_script("train", config, work_dir))
    assert done.returncode == 0, done.stderr[-3000:]
    return config, work_dir


def checkpoint(work_dir, iteration=ITERATIONS):
    return work_dir / f"iter_{iteration}.pth"


def weights(path):
    return torch.load(path, weights_only=False)["state_dict"]


def validation_scores(work_dir):
    (file,) = work_dir.glob("*/vis_data/scalars.json")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {
        name: value
        for name, value in lines[-1].items()
        if re.match("oIoU|mIoU|Prec", name)
    }


def test_two_nodes_train_as_one_process(alone, together):
    expected, found = (weights(checkpoint(run[1])) for run in (alone, together))
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4)
    trained = [name for name in expected if name.startswith("decode_head")]
    assert trained


def test_validation_on_two_nodes_gives_the_scores_of_one_process(together, tmp_path):
    config, work_dir = together
    scores = validation_scores(work_dir)
    assert scores["mIoU"] > 0
    file = tmp_path / "scores.json"
    options = ["--work-dir", str(tmp_path), "--metrics", str(file), "--split", "val"]
    options += ["--cfg-options", "test_dataloader.dataset.num_images=5"]
    arguments = [str(config), str(checkpoint(work_dir)), *options]
    assert load_tool("test").main(arguments) == 0
    assert json.loads(file.read_text())["metrics"] == scores


def test_scores_of_two_nodes_are_those_of_one_process(slurm, together, tmp_path):
    config, work_dir = together
    found = []
    for where in ("two", "one"):
        file = tmp_path / f"{where}.json"
        options = ["--metrics", str(file), "--work-dir", str(tmp_path / where)]
        arguments = [str(config), str(checkpoint(work_dir)), *options]
        if where == "two":
            done = call(slurm, *slurm_script("test", *arguments))
            assert done.returncode == 0, done.stderr[-3000:]
        else:
            assert load_tool("test").main(arguments) == 0
        found.append(json.loads(file.read_text())["metrics"])
    assert found[0] == found[1]
    assert found[0]["mIoU"] > 0


def test_a_job_saves_and_goes_on_when_its_time_is_nearly_over(slurm, tmp_path):
    """Slurm's signal is sent by hand: its clock counts in minutes."""
    total, work_dir = 30, tmp_path / "run"
    config = write_config(tmp_path, batch=2, iterations=total)
    options = ["--cfg-options", f"default_hooks.checkpoint.interval={total}"]
    submitted = call(slurm, *slurm_script("sbatch", config, work_dir, *options))
    job = re.search(r"Submitted batch job (\d+)", submitted.stdout)[1]
    log = work_dir / f"slurm_{job}.log"
    wait_for(log, r"Iter\(train\) \[ *2/30\]")
    call(slurm, "scancel", "--batch", "--signal=USR1", job)
    wait_for(log, f"job {job} goes back into the queue")
    saved = int(re.search(r"iter_(\d+)\.pth", log.read_text())[1])
    assert 2 <= saved < total
    # Slurm would let two minutes pass: the credentials of a job that it requeues are
    # revoked, and only their second tells the new ones apart.
    wait_until(lambda: state_of(slurm, job) == "PENDING")
    time.sleep(3)
    call(slurm, "scontrol", "update", f"JobId={job}", "StartTime=now")
    wait_for(log, rf"resumed epoch: 0, iter: {saved}")
    wait_for(log, rf"Saving checkpoint at {total} iterations")
    wait_until(lambda: job not in call(slurm, "squeue", "-h", "-o", "%i").stdout)
    assert "goes back" not in log.read_text().partition("resumed epoch")[2]
    first = re.search(
        r"Iter\(train\) \[ *(\d+)/", log.read_text().partition("resumed")[2]
    )
    assert int(first[1]) == saved + 1
    shown = call(slurm, "scontrol", "show", "job", job).stdout
    assert "JobState=COMPLETED" in shown
    assert "Restarts=1" in shown


def test_a_cancelled_job_goes_on_as_if_it_had_not_been(slurm, uncut, tmp_path):
    """scancel sends SIGTERM, which saves, and some time later SIGKILL."""
    total, every = LONG, 7
    config, work_dir = write_config(tmp_path, batch=2, iterations=total), tmp_path / "r"
    command = slurm_script("train", config, work_dir, "--resume")
    command += ["--cfg-options", f"default_hooks.checkpoint.interval={every}"]
    log = tmp_path / "log"
    with log.open("w") as file:
        client = subprocess.Popen(
            [str(word) for word in command],
            env=slurm, cwd=REPOSITORY, stdout=file, stderr=file,
        )  # fmt: skip
    wait_for(log, rf"Iter\(train\) \[ *{every + 2}/{total}\]")
    call(slurm, "scancel", "--name=scenes")
    assert client.wait(timeout=300) != 0
    wait_until(lambda: not call(slurm, "squeue", "-h").stdout.strip())
    saved = int(re.search(r"\d+", (work_dir / "last_checkpoint").read_text())[0])
    assert every + 2 <= saved < total
    done = call(slurm, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"iter: {saved}" in done.stdout + done.stderr
    found = weights(checkpoint(work_dir, total))
    assert found.keys() == uncut.keys()
    assert [n for n, value in uncut.items() if not torch.equal(found[n], value)] == []


@pytest.fixture(scope="module")
def uncut(slurm, tmp_path_factory):
    """Weights of a training by srun on two nodes that nobody cancels."""
    folder = tmp_path_factory.mktemp("uncut")
    config = write_config(folder, batch=2, iterations=LONG)
    done = call(slurm, *slurm_script("train", config, folder / "run"))
    assert done.returncode == 0, done.stderr[-3000:]
    return weights(checkpoint(folder / "run", LONG))


def state_of(slurm, job):
    return call(slurm, "squeue", "-h", "-o", "%T", "-j", job).stdout.strip()


def wait_for(file, pattern):
    wait_until(lambda: file.exists() and re.search(pattern, file.read_text()), file)


def wait_until(condition, file=None, seconds=300):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, file and file.read_text()[-3000:]
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["srun", "-n2", "-N2"], "2 processes were started .* Add --launcher slurm"),
        (["env"], "--launcher slurm needs the environment variable SLURM_PROCID"),
    ],
    ids=["no launcher", "no srun"],
)  # fmt: skip
def test_what_is_missing_is_said(slurm, tmp_path, command, message):
    config = write_config(tmp_path, batch=2)
    launcher = ["--launcher", "slurm"] if command == ["env"] else []
    program = [sys.executable, "tools/train.py", config, "--work-dir", tmp_path / "run"]
    done = call(slurm, *command, *program, *launcher)
    assert done.returncode == 2
    assert re.search(f"^error: .*{message}", done.stderr, re.MULTILINE), done.stderr
    assert "Traceback" not in done.stderr


def test_the_cluster_starts_and_stops_as_a_program(tmp_path):
    if cluster.missing_programs():
        pytest.skip("no Slurm")
    folder = tmp_path / "cluster"
    program = [sys.executable, "tests/slurm/cluster.py"]
    started = call(dict(os.environ), *program, "start", folder)
    assert started.stdout == f"export SLURM_CONF={folder}/slurm.conf\n"
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    assert len(pids) == 4
    assert all(cluster.is_running(pid) for pid in pids)
    assert call(dict(os.environ), *program, "stop", folder).returncode == 0
    assert not any(cluster.is_running(pid) for pid in pids)
