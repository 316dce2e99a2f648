"""How much memory a call needs while it runs."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Callable


def resident(key: str) -> float:
    """A line of /proc/self/status in MB of 10^6 bytes; on Linux only.

    Args:
        key: ``VmRSS`` for the resident set now, ``VmHWM`` for its peak.

    Returns:
        The number.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024 / 1e6


def own_memory(process: int) -> float:
    """What a process has in memory and shares with no other; on Linux only.

    Args:
        process: Its number.

    Returns:
        MB of 10^6 bytes.
    """
    path = Path(f"/proc/{process}/smaps_rollup")
    sizes = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    private = [int(row[1]) for row in sizes if row[0].startswith("Private_")]
    return sum(private) * 1024 / 1e6


def peak_growth(call: Callable[[], object]) -> float:
    """By how much the resident set grows at most during a call; on Linux only.

    Whatever allocates counts. What earlier calls freed and kept is given back first,
    where the C library can.

    Args:
        call: What is measured.

    Returns:
        MB of 10^6 bytes.
    """
    # What was freed but not returned would be used first, and not be seen.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    call()
    return resident("VmHWM") - before


class LargestTensor(TorchDispatchMode):  # type: ignore[no-untyped-call]  # in torch
    """While active, remembers the largest tensor that any operation gives.

    Backward passes count as well. Views count as much as what they show, so the memory
    of an expanded tensor is overstated, never understated.

    Attributes:
        shape: Its shape; that of nothing if there was none.
        megabytes: Its size in MB of 10^6 bytes.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # in torch
        self.shape: tuple[int, ...] = (0,)
        self.megabytes = 0.0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and look at what it gives."""
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                megabytes = leaf.numel() * leaf.element_size() / 1e6
                if megabytes > self.megabytes:
                    self.shape, self.megabytes = tuple(leaf.shape), megabytes
        return result
