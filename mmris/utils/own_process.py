"""Measurements in a process that has done nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def run_alone(
    program: str, arguments: Sequence[str], *, what: str, remedy: str
) -> dict[str, Any]:
    """Run a program that prints its result as a line of JSON, the last one.

    Args:
        program: Path of the program.
        arguments: The words after its name.
        what: What it measures, for the message.
        remedy: What to do if it runs out of memory, for the message.

    Returns:
        The result.

    Raises:
        RuntimeError: The process failed.
    """
    # The new process finds mmris where this one found it.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"{what} ended with status {done.returncode} (-9: out of memory, "
            f"{remedy}):\n{done.stderr}"
        )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
