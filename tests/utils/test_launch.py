import subprocess
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config

from mmris.utils import launch
from mmris.utils.launch import process_group, set_rendezvous_variables


def test_torchrun_variables_pass_through():
    environment = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
    set_rendezvous_variables("pytorch", environment)
    assert environment["MASTER_ADDR"] == "127.0.0.1"
    assert environment["MASTER_PORT"] == "29500"


def slurm(**more):
    base = {"SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_LOCALID": "1"}
    return {**base, "SLURM_JOB_ID": "12345", **more}


def test_slurm_variables_on_one_node():
    environment = slurm(SLURM_NNODES="1")
    set_rendezvous_variables("slurm", environment)
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    values = [environment[name] for name in names]
    assert values == ["3", "4", "1", "127.0.0.1", "29845"]


def test_slurm_asks_for_the_first_of_several_nodes(monkeypatch):
    asked = []

    def show(command, text):
        asked.append(command)
        return "gpu07\ngpu08\n"

    monkeypatch.setattr(subprocess, "check_output", show)
    environment = slurm(SLURM_NNODES="2", SLURM_NODELIST="gpu[07-08]")
    set_rendezvous_variables("slurm", environment)
    assert environment["MASTER_ADDR"] == "gpu07"
    assert asked == [["scontrol", "show", "hostnames", "gpu[07-08]"]]


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
    ("launcher", "environment"),
    [("mpi", mpi("2")), ("slurm", slurm(SLURM_NNODES="2", SLURM_NODELIST="a,b"))],
)
def test_several_nodes_without_an_address_are_refused(
    launcher, environment, monkeypatch
):
    def fail(command, text):
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(subprocess, "check_output", fail)
    with pytest.raises(ConnectionError, match=r"Export MASTER_ADDR=<name or address"):
        set_rendezvous_variables(launcher, environment)


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
    cfg = Config({"find_unused_parameters": True})
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
    cfg = Config({"model_wrapper_cfg": {"type": "Mine", "broadcast_buffers": False}})
    with process_group(cfg, "pytorch"):
        pass
    assert cfg.model_wrapper_cfg.type == "Mine"
    assert cfg.model_wrapper_cfg.broadcast_buffers is False
    assert cfg.model_wrapper_cfg.device_ids is None


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
    monkeypatch.setattr(launch, "RENDEZVOUS_TIMEOUT", timedelta(seconds=1))
    with (
        pytest.raises(ConnectionError, match=r"did not find each other at MASTER_ADDR"),
        process_group(Config({}), "pytorch"),
    ):
        pass


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
