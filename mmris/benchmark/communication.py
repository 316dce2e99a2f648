"""What the processes of a job send each other in a step of training.

It does not depend on pictures, words or batch, so that no forward pass is needed: the
loss is the sum of all trained parameters, whose gradients go the way of any others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from mmris.utils.config import load_config

from .random_case import build_model

if TYPE_CHECKING:
    from collections.abc import Sequence

# The first two arrange the gradients for those that follow.
_WARM_UP = 2
_COUNTERS = Path("/proc/net/dev")


@dataclass(frozen=True)
class Communication:
    """Bytes of one step, of each process.

    Attributes:
        trained: Parameters that are trained, in numbers.
        gradients: What is averaged over the processes.
        buffers: What the first process hands to the others, running statistics.
        received: What all network interfaces of the machine took in during the step,
            over the number of processes; None where the system does not count.
    """

    trained: int
    gradients: int
    buffers: int
    received: float | None


class _AllParameters(nn.Module):
    """Reaches each trained parameter of a model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self) -> Tensor:
        return torch.stack([p.sum() for p in _trained(self.model)]).sum()


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def measure_communication(path: str, *, steps: int) -> Communication:
    """Measure in a process of a group; all its processes call this together.

    Args:
        path: Of the config.
        steps: How many are averaged.
    """
    model = build_model(load_config(path), device=torch.device("cpu"))
    model.train()  # backbones freeze stages here
    sizes: list[int] = []

    # Its class is there only where torch was built for several processes.
    def count(group: object, bucket: Any) -> torch.futures.Future[Tensor]:
        sizes.append(bucket.buffer().nbytes)
        return allreduce_hook(None, bucket)  # type: ignore[arg-type]  # None: all

    # torch compares them with its classes, and strings are none.
    count.__annotations__.clear()
    # As mmris.utils.launch has it.
    whole = DistributedDataParallel(
        _AllParameters(model), broadcast_buffers=True, find_unused_parameters=True
    )
    whole.register_comm_hook(None, count)
    for step in range(_WARM_UP + steps):
        if step == _WARM_UP:
            dist.barrier()
            sizes.clear()
            before = _received_bytes()
        whole.zero_grad()
        whole().backward()
    dist.barrier()
    after = _received_bytes()
    received = None
    if before is not None and after is not None:
        received = (after - before) / steps / dist.get_world_size()
    return Communication(
        trained=sum(p.numel() for p in _trained(model)),
        gradients=sum(sizes) // steps,
        buffers=sum(buffer.nbytes for buffer in model.buffers()),
        received=received,
    )


def _received_bytes() -> int | None:
    """By all interfaces since they came up."""
    try:
        lines = _COUNTERS.read_text()
    except OSError:
        return None
    return sum(int(n) for n in re.findall(r"^ *\S+: *(\d+)", lines, re.MULTILINE))


def measure_in_group(
    rank: int, processes: int, address: str, paths: Sequence[str], results: Path
) -> None:
    """Measure some configs, as one of several processes.

    Args:
        rank: Of this process.
        processes: How many there are.
        address: Where they meet, ``tcp://...``.
        paths: Of the configs.
        results: File that the first process writes, readable by ``torch.load``.
    """
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=address, rank=rank, world_size=processes
    )
    try:
        found = [vars(measure_communication(path, steps=3)) for path in paths]
        if rank == 0:
            torch.save(found, results)
    finally:
        dist.destroy_process_group()
