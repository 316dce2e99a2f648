"""How fast a machine is at what models mostly do, measured and not read off a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from .modes import Mode
from .timing import Clock, Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .modes import Precision
    from .work import Work

# Large enough to be at full speed: side of the square matrices, bytes that are copied.
_SIDE = {"cpu": 1024, "cuda": 8192}
_BYTES = {"cpu": 2**27, "cuda": 2**30}
_ROUNDS = 7


class Limits(NamedTuple):
    """What a machine does in a second at best.

    Attributes:
        gflops: By precision, 10^9 floating-point operations of a square matrix product.
        gigabytes: 10^9 bytes that a copy reads and writes.
    """

    gflops: dict[str, float]
    gigabytes: float

    def least_milliseconds(self, work: Work, precision: str) -> tuple[float, float]:
        """Time that work takes at least.

        Args:
            work: Of a call.
            precision: Of its products.

        Returns:
            By its arithmetic, and by what it reads and writes.
        """
        return (
            1000 * work.gflop / self.gflops[precision],
            1000 * work.gigabytes / self.gigabytes,
        )


@torch.no_grad()
def measure_limits(
    device: torch.device, precisions: Iterable[Precision], clock: Clock = "wall"
) -> Limits:
    """Measure a device, the fastest of a few calls.

    Args:
        device: The device.
        precisions: Those of interest.
        clock: What times are taken by on a CPU.
    """
    side = _SIDE[device.type]
    one, other = (torch.randn(side, side, device=device) for _ in range(2))
    gflops = {}
    for precision in precisions:
        with Mode(precision).precise(device):
            seconds = _fastest(lambda: one @ other, device, clock)
        gflops[str(precision)] = 2 * side**3 / seconds / 1e9
    source = torch.empty(_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = _fastest(lambda: target.copy_(source), device, clock)
    return Limits(gflops, 2 * source.numel() / seconds / 1e9)


def _fastest(call: Callable[[], object], device: torch.device, clock: Clock) -> float:
    watch = Stopwatch(device, clock)
    times = []
    for _ in range(_ROUNDS):
        watch.mark()
        call()
        watch.mark()
        times += watch.read()
    return min(times) / 1000
