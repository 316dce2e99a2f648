"""The most memory that a call needs, as the kernel or the GPU's allocator sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from mmris.utils.peak_memory import peak_growth

if TYPE_CHECKING:
    from collections.abc import Callable

RESIDENT = "resident set of the process"
ALLOCATOR = "CUDA allocator"


class PeakMemory(NamedTuple):
    """What a call needs beyond what was there before it.

    Attributes:
        megabytes: MB of 10^6 bytes.
        kind: Who says so, ``RESIDENT`` or ``ALLOCATOR``.
    """

    megabytes: float
    kind: str


def measure_memory(
    call: Callable[[], object], device: torch.device
) -> PeakMemory | None:
    """Measure the peak of a call.

    Args:
        call: Called before already, so that libraries are loaded.
        device: Where it works.

    Returns:
        The peak; None on the CPU of a system that is not Linux.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        peak = torch.cuda.max_memory_allocated(device)
        return PeakMemory((peak - before) / 1e6, ALLOCATOR)
    if not Path("/proc/self/clear_refs").exists():
        return None
    return PeakMemory(peak_growth(call), RESIDENT)
