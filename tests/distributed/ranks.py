"""Runs a function in the processes of a group, all on this machine and its CPUs.

``python -m tests.distributed.ranks JOBS RESULTS`` imports what is heavy once and forks
for each process of each job: many small jobs then take as long as one import.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY

TIMEOUT = 300


def run_jobs(
    folder: Path, jobs: list[tuple[str, int, dict[str, Any]]], timeout: int = TIMEOUT
) -> list[Any]:
    """Run jobs one after another.

    Args:
        folder: For what they exchange with this process.
        jobs: Function, as ``"module:name"``; number of processes; keyword arguments.
        timeout: Seconds for all jobs, on a busy machine.

    Returns:
        For each job what the function returned in each process, by rank; the text of a
        traceback where it raised.
    """
    asked, answered = folder / "jobs.pkl", folder / "results.pkl"
    asked.write_bytes(pickle.dumps(jobs))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.distributed.ranks", str(asked), str(answered)],
        cwd=REPOSITORY,
        env=dict(os.environ, OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES=""),
        start_new_session=True,
    )
    try:
        code = process.wait(timeout)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # processes that wait for others
    if code != 0:
        raise RuntimeError(f"the jobs ended with code {code}, see above")
    results: list[Any] = pickle.loads(answered.read_bytes())
    return results


def run_job(name: str, world_size: int, arguments: dict[str, Any], folder: Path) -> Any:
    """Fork the processes of a job and wait for what they return."""
    module, _, function = name.partition(":")
    action = getattr(importlib.import_module(module), function)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(world_size):
        child = os.fork()
        if child == 0:
            os.environ.update(
                RANK=str(rank),
                LOCAL_RANK=str(rank),
                WORLD_SIZE=str(world_size),
                MASTER_ADDR="127.0.0.1",
                MASTER_PORT=str(port),
            )
            try:
                result = action(**arguments)
            except BaseException:
                result = traceback.format_exc()
            (folder / f"{rank}.pkl").write_bytes(pickle.dumps(result))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return [
        pickle.loads((folder / f"{rank}.pkl").read_bytes())
        for rank in range(world_size)
    ]


if __name__ == "__main__":
    asked, answered = map(Path, sys.argv[1:])
    found = [
        run_job(*job, folder=asked.parent) for job in pickle.loads(asked.read_bytes())
    ]
    answered.write_bytes(pickle.dumps(found))
