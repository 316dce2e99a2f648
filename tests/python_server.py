"""Runs Python programs in forks of one process that has imported the heavy libraries.

``python -m tests.python_server SOCKET`` serves until it is killed. A client that stands
in for ``python`` (:func:`write_client`) hands over its arguments, folder, environment
and open files, and exits as the program did. A program then starts in a tenth of a
second instead of in ten, which makes it possible to run all that the pages show.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from pathlib import Path

from mmris.registry import HOOKS, METRICS, MODELS, VISUALIZERS

CLIENT = """
import json, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({socket!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(connection, [request], [0, 1, 2])
connection.shutdown(socket.SHUT_WR)
answer = connection.recv(16)
sys.exit(int(answer) if answer else "the program died")
"""


def write_client(folder: Path, address: Path) -> None:
    """Write ``python``, ``pytest``, ``mmris`` into a folder that goes first in PATH."""
    client = folder / "client.py"
    client.write_text(CLIENT.format(socket=str(address)))
    starts = {"python": "", "pytest": "-m pytest ", "mmris": "-m mmris.cli "}
    for name, start in starts.items():
        script = folder / name
        script.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -IS "{client}" {start}"$@"\n'
        )
        script.chmod(0o755)


def run(argv: list[str]) -> None:
    """Do what ``python ARGV...`` does: a file, ``-c CODE`` or ``-m MODULE``."""
    if argv[0] == "-c":
        sys.argv = ["-c", *argv[2:]]
        exec(compile(argv[1], "-c", "exec"), {"__name__": "__main__"})
    elif argv[0] == "-m":
        sys.argv = argv[1:]
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")


def exit_code(argv: list[str]) -> int:
    try:
        run(argv)
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)  # noqa: T201  # as Python itself does
        return 1
    except BaseException:  # whatever ends a program is its exit code
        traceback.print_exc()
        return 1
    return 0


def answer(connection: socket.socket) -> None:
    """Be the program that the client asks for, and tell it the exit code."""
    text, files, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while more := connection.recv(1 << 16):
        text += more
    argv, folder, environment = json.loads(text)
    for descriptor, file in enumerate(files):
        os.dup2(file, descriptor)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    first = str(Path(argv[0]).resolve().parent) if argv[0][0] != "-" else folder
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [first, *(str(Path(path).resolve()) for path in paths if path)]
    code = exit_code(argv)
    atexit._run_exitfuncs()  # such as ending the workers of data loaders
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(code).encode())


def serve(address: str) -> None:
    for registry in (HOOKS, METRICS, MODELS, VISUALIZERS):
        registry.import_from_location()
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leaves no zombies
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            server.close()
            with contextlib.suppress(BrokenPipeError):
                answer(connection)
            os._exit(0)
        connection.close()


if __name__ == "__main__":
    serve(sys.argv[1])
