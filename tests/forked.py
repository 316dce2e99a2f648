"""Runs functions in forks of the test's process, which has imported all they need.

A training then starts in a tenth of a second instead of in ten.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING

import torch
from yapf.yapflib import yapf_api

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The first backward pass of a process decides whether autograd has threads, which no
# fork may use. On a machine without an accelerator it has none, unless an export came
# first: its tensors of no device count as one of CUDA.
torch.ones(1, requires_grad=True).sum().backward()


class Fork:
    """A process that runs a function.

    Args:
        action: The function; what it returns is the exit code.
        output: File for what it prints and for its errors.
    """

    def __init__(self, action: Callable[[], int], output: Path) -> None:
        self.output = output
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # collecting what was imported takes a fork longer than training
        self.pid = os.fork()
        if self.pid == 0:
            self._be(action)

    def _be(self, action: Callable[[], int]) -> None:
        code = 1
        try:
            os.setsid()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            file = os.open(self.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
            sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
            # MMEngine lays a config out by yapf for each checkpoint, in half a second.
            yapf_api.FormatCode = lambda text, style_config: (text, True)
            code = action()
        except BaseException:  # whatever ends it is its exit code
            with contextlib.suppress(BaseException):
                traceback.print_exc()
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)  # whatever happens: it must not go on as the test

    @property
    def text(self) -> str:
        """What it printed so far."""
        return self.output.read_text() if self.output.exists() else ""

    def wait_for(self, text: str, timeout: float = 60) -> None:
        """Wait until it printed this."""
        until = time.monotonic() + timeout
        while text not in self.text:
            assert time.monotonic() < until, self.text
            assert os.waitpid(self.pid, os.WNOHANG) == (0, 0), self.text
            time.sleep(0.005)

    def send(self, number: int, *, group: bool = False) -> None:
        """Send a signal to it, or to its workers as well."""
        (os.killpg if group else os.kill)(self.pid, number)

    def end(self, timeout: float = 60) -> int:
        """Wait for the end; the exit code, negative after a signal."""
        until = time.monotonic() + timeout
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > until:
                os.killpg(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"no end: {self.text}")
            time.sleep(0.005)
