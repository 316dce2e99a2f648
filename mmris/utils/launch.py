"""Start and end of the process group, on hosts with and without GPUs.

MMEngine's own start calls CUDA whatever the host. Here the group stands before the
Runner is built, which then uses it: gloo between CPUs, the configured backend between
GPUs.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, get_args

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from mmris.registry import MODEL_WRAPPERS

from .rendezvous import Launcher, check_alone, resolves, set_rendezvous_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mmengine.config import Config

# Seconds; long enough for slow nodes to import torch, short enough to notice a wrong
# address. A config may say another.
RENDEZVOUS_TIMEOUT = 120
# Set where Slurm shows each process its own GPU and nothing else.
_GPU_OF_ITS_OWN = ("SLURM_GPUS_PER_TASK", "SLURM_NTASKS_PER_GPU", "SLURM_TRES_PER_TASK")


@contextmanager
def process_group(cfg: Config, launcher: Launcher) -> Iterator[None]:
    """Join the other processes of a job; with launcher ``"none"`` do nothing.

    Inside the block the configuration names the launcher and a model wrapper that fits
    the device. ``env_cfg.dist_cfg`` gives the backend between GPUs;
    ``rendezvous_timeout``, the seconds within which all processes have to be there; and
    ``timeout``, the seconds that one waits for the others from then on.

    Args:
        cfg: Configuration, changed in place.
        launcher: What started the processes.

    Raises:
        ValueError: The launcher is unknown, or ``sync_bn`` or ``model_wrapper_cfg``
            asks for what cannot be done here.
        RuntimeError: The launcher's environment variables are missing, several
            processes were started without telling so, or this host has fewer GPUs than
            processes.
        ConnectionError: The address of the first process is unknown or does not answer.
    """
    if launcher not in get_args(Launcher):
        raise ValueError(
            f"launcher is {launcher!r}; choose one of {get_args(Launcher)}"
        )
    cfg.launcher = launcher
    if launcher == "none":
        check_alone(os.environ)
        yield
        return
    set_rendezvous_variables(launcher, os.environ)
    device_ids = _select_device(os.environ)
    _check_sync_bn(cfg, device_ids)
    _set_model_wrapper(cfg, device_ids)
    dist_cfg = cfg.get("env_cfg", {}).get("dist_cfg", {})
    _join(
        backend="gloo" if device_ids is None else dist_cfg.get("backend", "nccl"),
        rendezvous_seconds=dist_cfg.get("rendezvous_timeout", RENDEZVOUS_TIMEOUT),
        timeout=timedelta(seconds=dist_cfg.get("timeout", 1800)),
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


def _select_device(environment: Mapping[str, str]) -> list[int] | None:
    """Take the GPU of this process; None on a host without any."""
    if not torch.cuda.is_available():
        return None
    local_rank, count = int(environment["LOCAL_RANK"]), torch.cuda.device_count()
    if count == 1 and any(name in environment for name in _GPU_OF_ITS_OWN):
        local_rank = 0  # the only one that this process sees, and no other does
    if local_rank >= count:
        raise RuntimeError(
            f"process {local_rank} of this node has no GPU: there are {count}. Start "
            f"at most {count} processes a node, or set CUDA_VISIBLE_DEVICES='' to "
            "train on the CPU"
        )
    torch.cuda.set_device(local_rank)
    return [local_rank]


def _check_sync_bn(cfg: Config, device_ids: list[int] | None) -> None:
    kind = cfg.get("sync_bn")
    if kind is None:
        return
    if kind != "torch":
        raise ValueError(
            f"sync_bn is {kind!r}; set 'torch', or None to leave batch normalisation "
            "to each process"
        )
    if device_ids is None:
        raise ValueError(
            "sync_bn='torch' needs GPUs: torch's SyncBatchNorm does not run on a CPU. "
            "Add --cfg-options sync_bn=None"
        )


def _set_model_wrapper(cfg: Config, device_ids: list[int] | None) -> None:
    wrapper = cfg.get("model_wrapper_cfg") or {}
    wrapper.setdefault("type", "MMDistributedDataParallel")
    kind = wrapper["type"]
    if str(kind).endswith("FullyShardedDataParallel"):
        raise ValueError(
            f"model_wrapper_cfg.type is {kind!r}, whose first process alone would "
            "write checkpoints, of its own share; set 'ShardedModel' to shard "
            "parameters"
        )
    if isinstance(kind, str):
        name, kind = kind, MODEL_WRAPPERS.get(kind)
        if name in MODEL_WRAPPERS.module_dict:
            # The Runner looks for a bare name among MMEngine's own only.
            wrapper["type"] = f"{MODEL_WRAPPERS.scope}.{name}"
    is_replicated = kind is not None and issubclass(kind, DistributedDataParallel)
    runner = getattr(kind, "runner_type", None)  # of wrappers that need one of theirs
    if is_replicated:
        wrapper.setdefault("broadcast_buffers", True)
        wrapper.setdefault("device_ids", device_ids)
    if runner is not None:
        cfg.setdefault("runner_type", runner)
    if is_replicated or runner is not None:
        # Which parameters a loss reaches may change from batch to batch, and looking
        # costs little; without it the second iteration may fail.
        find = cfg.get("find_unused_parameters", True)
        wrapper.setdefault("find_unused_parameters", find)
    cfg.model_wrapper_cfg = wrapper


def _join(*, backend: str, rendezvous_seconds: float, timeout: timedelta) -> None:
    address, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
    where = f"MASTER_ADDR={address} MASTER_PORT={port}"
    if not resolves(address):
        raise ConnectionError(
            f"the name of the first node does not resolve ({where}). Export "
            "MASTER_ADDR as an address that every node reaches"
        )
    try:
        # In two steps, because the time to find each other is short and the time to
        # wait for one another, as after a validation on unequal nodes, is long.
        limit = timedelta(seconds=rendezvous_seconds)
        store, rank, world_size = next(rendezvous("env://", timeout=limit))
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
            f"{rendezvous_seconds} seconds: {error}. Check that all "
            f"{os.environ['WORLD_SIZE']} processes run, that the port is free "
            "(export another MASTER_PORT) and that no firewall stands between the "
            "nodes; env_cfg.dist_cfg.rendezvous_timeout gives them longer"
        ) from error
    except RuntimeError as error:
        interface = "GLOO_SOCKET_IFNAME" if backend == "gloo" else "NCCL_SOCKET_IFNAME"
        raise ConnectionError(
            f"the processes met at {where} but cannot talk through {backend}: {error}. "
            f"Export {interface}=<network interface that the nodes share>, as "
            "'ip address' lists them"
        ) from error
