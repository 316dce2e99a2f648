"""Times of calls that take turns, on CPUs and GPUs."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


Clock = Literal["wall", "processor"]


@dataclass(frozen=True)
class Spread:
    """Where the times of one call lie, in milliseconds.

    Attributes:
        median: The middle one.
        low: A quarter of them is below.
        high: A quarter of them is above.
        least: The shortest.
        most: The longest.
        count: How many.
    """

    median: float
    low: float
    high: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of some times.

        Args:
            values: At least one.
        """
        low, median, high = (
            statistics.quantiles(values, n=4, method="inclusive")
            if len(values) > 1
            else (values[0],) * 3
        )
        return cls(median, low, high, min(values), max(values), len(values))


class Stopwatch:
    """Takes the time between marks.

    On a GPU the marks are events in its own queue, so that what the CPU does meanwhile
    is not waited for, but what the GPU waits for is.

    Args:
        device: Where the work is done.
        clock: On a CPU, ``"wall"`` for the time that passes, ``"processor"`` for the
            time that the process was given, of all threads together: of use on a
            machine that has other work to do.
    """

    def __init__(self, device: torch.device, clock: Clock = "wall") -> None:
        self.device = device
        self._now = time.perf_counter if clock == "wall" else time.process_time
        self._moments: list[float] = []  # seconds, on a CPU
        self._events: list[torch.cuda.Event] = []

    def mark(self) -> None:
        """Remember this moment."""
        if self.device.type == "cuda":
            make_event: Any = torch.cuda.Event
            event = make_event(enable_timing=True)
            event.record()
            self._events.append(event)
        else:
            self._moments.append(self._now())

    def read(self) -> list[float]:
        """Milliseconds from each mark to the next; forgets the marks."""
        moments, self._moments = self._moments, []
        events, self._events = self._events, []
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            return [first.elapsed_time(second) for first, second in pairwise(events)]
        return [1000 * (second - first) for first, second in pairwise(moments)]


class Deadline:
    """When to stop.

    Args:
        seconds: From now; None for never.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def allows(self, seconds: float = 0.0) -> bool:
        """Whether so much time is left.

        Args:
            seconds: What something will take.
        """
        return self._end is None or time.monotonic() + seconds < self._end


def take_turns(
    calls: Mapping[str, Callable[[Callable[[], None]], object]],
    *,
    device: torch.device,
    rounds: int,
    deadline: Deadline | None = None,
    clock: Clock = "wall",
) -> dict[str, list[list[float]]]:
    """Time calls, each once a round.

    What else the machine does then slows all of them alike, and the ratio of two times
    of one round is steadier than the times.

    Args:
        calls: By name. Each is given a function to call between its steps.
        device: Where they work.
        rounds: How often each is called.
        deadline: No further round begins behind it, but one is always done.
        clock: Of the :class:`Stopwatch`.

    Returns:
        By name, for each round the milliseconds of the steps.
    """
    deadline = deadline or Deadline()
    watch = Stopwatch(device, clock)
    times: dict[str, list[list[float]]] = {name: [] for name in calls}
    for number in range(rounds):
        if number > 0 and not deadline.allows():
            break
        for name, call in calls.items():
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            watch.mark()
            result = call(watch.mark)
            watch.mark()
            times[name].append(watch.read())
            del result
    return times
