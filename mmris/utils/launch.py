"""Start and end of the process group, on hosts with and without GPUs.

MMEngine's own start calls CUDA whatever the host. Here the group stands before the
Runner is built, which then uses it: gloo between CPUs, the configured backend between
GPUs.
"""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from mmengine.config import Config

Launcher = Literal["none", "pytorch", "slurm", "mpi"]

DEFAULT_PORT = 29500
# Long enough for slow nodes to import torch, short enough to notice a wrong address.
RENDEZVOUS_TIMEOUT = timedelta(seconds=120)


@dataclass(frozen=True)
class _Variables:
    """Names of a launcher's environment variables, and how to start it properly."""

    rank: str
    world_size: str
    local_rank: str
    remedy: str


_VARIABLES = {
    "pytorch": _Variables(
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "Start with torchrun, as tools/dist_train.sh CONFIG NPROC does",
    ),
    "slurm": _Variables(
        "SLURM_PROCID",
        "SLURM_NTASKS",
        "SLURM_LOCALID",
        "Start with srun, as tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR does",
    ),
    "mpi": _Variables(
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "Start with mpirun of Open MPI",
    ),
}


@contextmanager
def process_group(cfg: Config, launcher: Launcher) -> Iterator[None]:
    """Join the other processes of a job; with launcher ``"none"`` do nothing.

    Inside the block the configuration names the launcher and a model wrapper that fits
    the device. ``env_cfg.dist_cfg`` gives the backend between GPUs and ``timeout``, the
    seconds that one process waits for the others once all are there.

    Args:
        cfg: Configuration, changed in place.
        launcher: What started the processes.

    Raises:
        ValueError: The launcher is unknown.
        RuntimeError: The launcher's environment variables are missing, or this host has
            fewer GPUs than processes.
        ConnectionError: The address of the first process is unknown or does not answer.
    """
    if launcher not in get_args(Launcher):
        raise ValueError(
            f"launcher is {launcher!r}; choose one of {get_args(Launcher)}"
        )
    cfg.launcher = launcher
    if launcher == "none":
        yield
        return
    set_rendezvous_variables(launcher, os.environ)
    device_ids = _select_device()
    _set_model_wrapper(cfg, device_ids)
    dist_cfg = cfg.get("env_cfg", {}).get("dist_cfg", {})
    _join(
        backend="gloo" if device_ids is None else dist_cfg.get("backend", "nccl"),
        timeout=timedelta(seconds=dist_cfg.get("timeout", 1800)),
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


def set_rendezvous_variables(
    launcher: Launcher, environment: MutableMapping[str, str]
) -> None:
    """Write the variables that torch reads from those of the launcher.

    A ``MASTER_ADDR`` and a ``MASTER_PORT`` that are already there are kept.

    Args:
        launcher: ``"pytorch"``, ``"slurm"`` or ``"mpi"``.
        environment: The environment variables, changed in place.

    Raises:
        RuntimeError: A variable of the launcher is missing.
        ConnectionError: The address of the first process cannot be found out.
    """
    names = _VARIABLES[launcher]
    for target, source in (
        ("RANK", names.rank),
        ("WORLD_SIZE", names.world_size),
        ("LOCAL_RANK", names.local_rank),
    ):
        if source not in environment:
            raise RuntimeError(
                f"--launcher {launcher} needs the environment variable {source}, which "
                f"is not set. {names.remedy}, or leave --launcher out"
            )
        environment[target] = environment[source]
    if "MASTER_ADDR" not in environment:
        environment["MASTER_ADDR"] = _first_host(launcher, environment)
    # Two jobs of one node must not meet at the same port.
    offset = int(environment.get("SLURM_JOB_ID", 0)) % 1000
    environment.setdefault("MASTER_PORT", str(DEFAULT_PORT + offset))


def _first_host(launcher: Launcher, environment: MutableMapping[str, str]) -> str:
    """Address of the node with rank 0."""
    if launcher == "mpi":
        local = environment.get("OMPI_COMM_WORLD_LOCAL_SIZE")
        one_node = local == environment["WORLD_SIZE"]
    else:
        one_node = launcher == "pytorch" or environment.get("SLURM_NNODES") == "1"
    if one_node:
        return "127.0.0.1"
    nodes = environment.get("SLURM_STEP_NODELIST", environment.get("SLURM_NODELIST"))
    if nodes is not None:
        try:
            command = ["scontrol", "show", "hostnames", nodes]
            return subprocess.check_output(command, text=True).split()[0]
        except (OSError, subprocess.CalledProcessError, IndexError):
            pass
    raise ConnectionError(
        "the processes run on several nodes and MASTER_ADDR is not set. Export "
        "MASTER_ADDR=<name or address of the first node> to all of them"
    )


def _select_device() -> list[int] | None:
    """Take the GPU of this process; None on a host without any."""
    if not torch.cuda.is_available():
        return None
    local_rank, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if local_rank >= count:
        raise RuntimeError(
            f"process {local_rank} of this node has no GPU: there are {count}. Start "
            f"at most {count} processes a node, or set CUDA_VISIBLE_DEVICES='' to "
            "train on the CPU"
        )
    torch.cuda.set_device(local_rank)
    return [local_rank]


def _set_model_wrapper(cfg: Config, device_ids: list[int] | None) -> None:
    wrapper = cfg.get("model_wrapper_cfg") or {"type": "MMDistributedDataParallel"}
    wrapper.setdefault("broadcast_buffers", True)
    wrapper.setdefault("device_ids", device_ids)
    wrapper.setdefault(
        "find_unused_parameters", cfg.get("find_unused_parameters", False)
    )
    cfg.model_wrapper_cfg = wrapper


def _join(*, backend: str, timeout: timedelta) -> None:
    address, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
    where = f"MASTER_ADDR={address} MASTER_PORT={port}"
    try:
        socket.getaddrinfo(address, int(port))
    except OSError as error:
        raise ConnectionError(
            f"the name of the first node does not resolve ({where}): {error}. Export "
            "MASTER_ADDR as an address that every node reaches"
        ) from error
    try:
        # In two steps, because the time to find each other is short and the time to
        # wait for one another, as after a validation on unequal nodes, is long.
        store, rank, world_size = next(rendezvous("env://", timeout=RENDEZVOUS_TIMEOUT))
        store.set_timeout(timeout)
        dist.init_process_group(
            backend,
            store=PrefixStore("mmris", store),
            rank=rank,
            world_size=world_size,
            timeout=timeout,
        )
    except dist.DistError as error:
        raise ConnectionError(
            f"the processes did not find each other at {where} within "
            f"{RENDEZVOUS_TIMEOUT.seconds} seconds: {error}. Check that all "
            f"{os.environ['WORLD_SIZE']} processes run, that the port is free and that "
            "no firewall stands between the nodes"
        ) from error
