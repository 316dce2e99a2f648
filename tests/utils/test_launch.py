import subprocess
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config

from mmris.utils import launch
from mmris.utils import rendezvous as meeting
from mmris.utils.launch import process_group
from mmris.utils.rendezvous import (
    check_alone,
    first_of_nodes,
    resolves,
    set_rendezvous_variables,
)


def test_torchrun_variables_pass_through():
    environment = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
    set_rendezvous_variables("pytorch", environment)
    assert environment["MASTER_ADDR"] == "127.0.0.1"
    assert environment["MASTER_PORT"] == "29500"


def slurm(**more):
    base = {"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "1"}
    return {**base, "SLURM_JOB_ID": "12345", **more}


def test_slurm_variables_on_one_node():
    environment = slurm(SLURM_NNODES="1")
    set_rendezvous_variables("slurm", environment)
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    values = [environment[name] for name in names]
    assert values == ["3", "4", "1", "127.0.0.1", "26450"]


def test_two_steps_of_a_job_meet_at_different_ports():
    environments = [slurm(SLURM_NNODES="1", SLURM_STEP_ID=step) for step in "01"]
    for environment in environments:
        set_rendezvous_variables("slurm", environment)
    assert [e["MASTER_PORT"] for e in environments] == ["26450", "26451"]


def test_a_step_on_one_node_of_a_larger_job():
    environment = slurm(SLURM_NNODES="2", SLURM_STEP_NUM_NODES="1")
    set_rendezvous_variables("slurm", environment)
    assert environment["MASTER_ADDR"] == "127.0.0.1"


@pytest.fixture
def known_names(monkeypatch):
    """What this machine can resolve."""
    names = {"127.0.0.1"}
    monkeypatch.setattr(meeting, "resolves", names.__contains__)
    return names


def test_the_first_of_several_nodes_of_slurm(monkeypatch, known_names):
    asked = []

    def show(command, **options):
        asked.append(command)
        return "NodeName=gpu07 Arch=x86_64\n   NodeAddr=10.0.0.7 NodeHostName=gpu07"

    monkeypatch.setattr(subprocess, "check_output", show)
    nodes = {"SLURM_NNODES": "2", "SLURM_STEP_NODELIST": "gpu[07-08]"}
    for name in ("10.0.0.7", "gpu07"):  # the second is the better, once it is known
        known_names.add(name)
        environment = slurm(**nodes)
        set_rendezvous_variables("slurm", environment)
        assert environment["MASTER_ADDR"] == name
    assert asked[0] == ["scontrol", "show", "node", "gpu07"]


def test_the_first_node_in_a_container_without_scontrol(monkeypatch, known_names):
    def fail(command, **options):
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(subprocess, "check_output", fail)
    known_names.add("a")
    environment = slurm(SLURM_NNODES="2", SLURM_NODELIST="a,b")
    set_rendezvous_variables("slurm", environment)
    assert environment["MASTER_ADDR"] == "a"


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu07", "gpu07"),
        ("gpu[07-08,11],login1", "gpu07"),
        ("rack[1-2]node[03,05-9]", "rack1node03"),
        ("a,b[1-2]", "a"),
    ],
)
def test_first_of_nodes(nodes, first):
    assert first_of_nodes(nodes) == first


def test_a_name_or_an_address_resolves():
    assert resolves("127.0.0.1")
    assert not resolves("no-such-node.invalid")


def test_a_given_address_is_kept():
    environment = slurm(MASTER_ADDR="10.0.0.7", MASTER_PORT="1234")
    set_rendezvous_variables("slurm", environment)
    assert environment["MASTER_ADDR"] == "10.0.0.7"
    assert environment["MASTER_PORT"] == "1234"


def mpi(local_size):
    return {
        "OMPI_COMM_WORLD_RANK": "0",
        "OMPI_COMM_WORLD_SIZE": "4",
        "OMPI_COMM_WORLD_LOCAL_RANK": "0",
        "OMPI_COMM_WORLD_LOCAL_SIZE": local_size,
    }


def test_mpi_on_one_node_needs_no_address():
    environment = mpi("4")
    set_rendezvous_variables("mpi", environment)
    assert environment["MASTER_ADDR"] == "127.0.0.1"
    assert environment["WORLD_SIZE"] == "4"


@pytest.mark.parametrize(
    ("launcher", "environment", "message"),
    [
        ("mpi", mpi("2"), "of them: mpirun -x MASTER_ADDR="),
        (
            "slurm",
            slurm(SLURM_NNODES="2", SLURM_NODELIST="a,b"),
            r"\(the nodes are a,b, and this one knows no address .*: export MASTER_",
        ),
    ],
)
@pytest.mark.usefixtures("known_names")
def test_several_nodes_without_an_address_are_refused(
    launcher, environment, message, monkeypatch
):
    def fail(command, **options):
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(subprocess, "check_output", fail)
    with pytest.raises(ConnectionError, match=message):
        set_rendezvous_variables(launcher, environment)


@pytest.mark.parametrize(
    ("launcher", "environment"),
    [
        ("pytorch", {"RANK": "0", "WORLD_SIZE": "4"}),
        ("slurm", slurm()),
        ("mpi", mpi("4")),
    ],
)
def test_several_processes_that_know_nothing_of_each_other(launcher, environment):
    message = rf"^4 processes were started .* Add --launcher {launcher}, or start one"
    with pytest.raises(RuntimeError, match=message):
        check_alone(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"RANK": "0", "WORLD_SIZE": "1"},
        # What a shell in a job of Slurm has, and a batch script before srun.
        {"SLURM_NTASKS": "4"},
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"},
    ],
)
def test_one_process_may_run_without_a_launcher(environment):
    check_alone(environment)


@pytest.mark.parametrize(
    ("launcher", "message"),
    [
        ("pytorch", r"RANK, which is not set. Start with torchrun"),
        ("slurm", r"SLURM_PROCID, which is not set. Start with srun"),
        ("mpi", r"OMPI_COMM_WORLD_RANK, which is not set. Start with mpirun"),
    ],
)
def test_a_launcher_that_did_not_launch_is_named(launcher, message):
    with pytest.raises(RuntimeError, match=message):
        set_rendezvous_variables(launcher, {})


def test_an_unknown_launcher_is_refused():
    with (
        pytest.raises(ValueError, match="launcher is 'ray'"),
        process_group(Config({}), "ray"),
    ):
        pass


def test_no_launcher_starts_nothing():
    cfg = Config({})
    with process_group(cfg, "none"):
        assert not dist.is_initialized()
    assert cfg.launcher == "none"
    assert "model_wrapper_cfg" not in cfg


@pytest.fixture
def one_process(monkeypatch):
    values = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    values.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29533")
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("one_process")
def test_the_group_lives_as_long_as_the_block():
    cfg = Config({})
    with process_group(cfg, "pytorch"):
        assert dist.get_backend() == "gloo"
        assert dist.get_world_size() == 1
    assert not dist.is_initialized()
    assert cfg.launcher == "pytorch"
    assert cfg.model_wrapper_cfg == {
        "type": "MMDistributedDataParallel",
        "broadcast_buffers": True,
        "device_ids": None,
        "find_unused_parameters": True,
    }


@pytest.mark.usefixtures("one_process")
def test_the_group_ends_with_an_error():
    with pytest.raises(KeyError), process_group(Config({}), "pytorch"):
        raise KeyError("training failed")
    assert not dist.is_initialized()


@pytest.mark.usefixtures("one_process")
def test_a_wrapper_of_the_config_is_completed():
    options = {"broadcast_buffers": False, "find_unused_parameters": False}
    cfg = Config({"model_wrapper_cfg": options})
    with process_group(cfg, "pytorch"):
        pass
    assert cfg.model_wrapper_cfg == {
        "type": "MMDistributedDataParallel",
        "device_ids": None,
        **options,
    }


@pytest.mark.usefixtures("one_process")
def test_a_wrapper_of_another_kind_keeps_its_arguments():
    cfg = Config({"model_wrapper_cfg": {"type": "Mine", "buckets": 3}})
    with process_group(cfg, "pytorch"):
        pass
    assert cfg.model_wrapper_cfg == {"type": "Mine", "buckets": 3}


@pytest.mark.usefixtures("one_process")
def test_mmengines_sharded_parameters_are_refused():
    cfg = Config({"model_wrapper_cfg": {"type": "MMFullyShardedDataParallel"}})
    with (
        pytest.raises(ValueError, match="model_wrapper_cfg.type .* set 'ShardedModel'"),
        process_group(cfg, "pytorch"),
    ):
        pass


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("name", ["ShardedModel", "mmris.ShardedModel"])
def test_sharded_parameters_need_a_runner_of_theirs(name):
    cfg = Config({"model_wrapper_cfg": {"type": name}, "find_unused_parameters": False})
    with process_group(cfg, "pytorch"):
        pass
    assert cfg.runner_type == "ShardedRunner"
    assert cfg.model_wrapper_cfg == {
        "type": "mmris.ShardedModel",
        "find_unused_parameters": False,
    }


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize(
    ("kind", "message"),
    [("torch", "needs GPUs: .* does not run on a CPU"), ("mmcv", "is 'mmcv'; set")],
)
def test_synchronised_batch_normalisation_that_cannot_be(kind, message):
    with (
        pytest.raises(ValueError, match=f"sync_bn.*{message}"),
        process_group(Config({"sync_bn": kind}), "pytorch"),
    ):
        pass


@pytest.mark.usefixtures("one_process")
def test_an_unknown_first_node_is_noticed_at_once(monkeypatch):
    monkeypatch.setenv("MASTER_ADDR", "no-such-node.invalid")
    with (
        pytest.raises(ConnectionError, match=r"not resolve \(MASTER_ADDR=no-such-node"),
        process_group(Config({}), "pytorch"),
    ):
        pass


@pytest.mark.usefixtures("one_process")
def test_missing_processes_are_noticed_soon(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(launch, "RENDEZVOUS_TIMEOUT", 1)
    with (
        pytest.raises(ConnectionError, match=r"did not find each other at MASTER_ADDR"),
        process_group(Config({}), "pytorch"),
    ):
        pass


@pytest.mark.usefixtures("one_process")
def test_processes_that_see_each_one_gpu_of_their_own(monkeypatch):
    """As srun --gpus-per-task=1 has it."""
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    environment = {"LOCAL_RANK": "1", "SLURM_GPUS_PER_TASK": "1"}
    assert launch._select_device(environment) == [0]
    assert taken == [0]


@pytest.mark.usefixtures("one_process")
def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with (
        pytest.raises(RuntimeError, match="process 1 of this node has no GPU"),
        process_group(Config({}), "pytorch"),
    ):
        pass


@pytest.mark.usefixtures("one_process")
def test_each_process_takes_its_gpu(monkeypatch):
    taken, groups = [], []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setattr(launch, "_join", lambda **options: groups.append(options))
    monkeypatch.setattr(launch, "dist", SimpleNamespace(destroy_process_group=list))
    monkeypatch.setenv("LOCAL_RANK", "1")
    cfg = Config({"env_cfg": {"dist_cfg": {"backend": "nccl", "timeout": 60}}})
    with process_group(cfg, "pytorch"):
        pass
    assert taken == [1]
    assert cfg.model_wrapper_cfg.device_ids == [1]
    assert groups[0]["backend"] == "nccl"
    assert groups[0]["timeout"].seconds == 60
