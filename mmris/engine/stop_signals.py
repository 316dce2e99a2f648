"""Turns signals into a wish that training grants at the next safe moment."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

NAMES = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGUSR1: "SIGUSR1",  # what Slurm sends before a time limit, if asked to
}


class StopSignals:
    """Remembers that a signal came; a second Ctrl-C stops at once.

    Only Ctrl-C counts twice: torchrun answers it with a SIGTERM of its own, which must
    not cut the saving short, and schedulers repeat SIGTERM.

    Args:
        is_active: Whether what is being executed is still what the signals were taken
            over for; if it is not, because an error ended it, they are given back.

    Attributes:
        received: Number of the first signal, 0 if there was none.
    """

    def __init__(self, is_active: Callable[[FrameType | None], bool]) -> None:
        self.is_active = is_active
        self.received = 0
        self._before: dict[int, Any] = {}
        self._process = 0

    def install(self) -> None:
        """Take the signals over, if this is the main thread, which alone may."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        self.received = 0
        self._process = os.getpid()
        self._before = {
            number: signal.signal(number, self._receive) for number in NAMES
        }

    def restore(self) -> None:
        """Give the signals back."""
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            # A child that inherited this: Ctrl-C goes to the parent as well.
            if number == signal.SIGTERM:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            return
        if not self.is_active(frame):
            self.restore()
            os.kill(os.getpid(), number)
            return
        if number == signal.SIGINT and self.received == signal.SIGINT:
            self.restore()
            raise KeyboardInterrupt
        if self.received:
            return
        self.received = number
        # Not the logger, whose lock the interrupted code may hold.
        sys.stderr.write(
            f"\n{NAMES[signal.Signals(number)]}: saving a checkpoint after this "
            "iteration. Press Ctrl-C again to stop at once.\n"
        )


class ShieldedWorker:
    """Start of a data loader's worker that outlives the signals meant for training.

    A terminal sends Ctrl-C, and a scheduler SIGTERM, to all processes of a job. Workers
    that died of it would break the iteration that is to be finished. They end when
    their parent sends SIGTERM or is gone. For workers made by fork: signals are blocked
    in this thread and those that it starts, and a forked process has no others yet.

    Args:
        start: What the worker calls first otherwise.
    """

    def __init__(self, start: Callable[[int], Any] | None) -> None:
        self.start = start

    def __call__(self, worker: int) -> None:
        """Prepare a worker.

        Args:
            worker: Its number.
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        # Handlers do not learn who sent a signal; a thread that waits for it does.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_with_parent, daemon=True).start()
        if self.start is not None:
            self.start(worker)


def _end_with_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
