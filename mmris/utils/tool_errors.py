"""Errors of the command-line tools: one line where a user can do something about it.

Whatever goes wrong before the first batch (options, config, files, building) is one
line. From then on only what mmris raises itself is, such as a picture that is missing,
also from within a worker of a data loader; everything else is taken for a bug and keeps
its traceback.
"""

from __future__ import annotations

import errno
import logging
import re
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WRONG_USE = 2
_PACKAGE = Path(__file__).resolve().parents[1]
# Values that flow between modules: when they refuse something, a module is wrong.
_INVARIANTS = _PACKAGE / "structures"
_BUILDING = (
    ValueError,
    TypeError,
    LookupError,
    OSError,
    ImportError,
    AssertionError,
    RuntimeError,
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
# What gloo, NCCL and torch's store say when a peer is gone.
_LOST_PEER = re.compile(
    r"Connection (closed|reset) by (remote )?peer|connection was closed|Broken pipe|"
    r"remote process exited|NCCL communicator was aborted",
    re.IGNORECASE,
)
_DEAD_WORKER = re.compile(r"DataLoader worker \(pid.*?(?=\. |\.$|$)")
_FRAME = re.compile(r'^ *File "(?P<file>.+)", line \d+, in .+$')


def run_tool(action: Callable[[], int], *, debug: bool) -> int:
    """Run a tool and turn errors into lines.

    Args:
        action: The tool.
        debug: Whether errors keep their traceback.

    Returns:
        What the tool returned; 2 after an error; 130 after Ctrl-C.
    """
    # A log line that finds the disk full is lost; what follows says so in one line.
    logging.raiseExceptions = debug
    try:
        return action()
    except KeyboardInterrupt:
        if debug:
            raise
        sys.stderr.write("stopped by Ctrl-C\n")
        return 130
    except Exception as error:
        line = None if debug else _explain_undisturbed(error)
        if line is None:
            raise
        sys.stderr.write(f"error: {line}\n")
        return WRONG_USE


def _explain_undisturbed(error: BaseException) -> str | None:
    try:
        return explain(error)
    except RuntimeError as again:
        # torch tells of a dead worker when a child ends, wherever the program is then.
        return explain(again)


def explain(error: BaseException) -> str | None:
    """Say an error in one line.

    Args:
        error: The error, as it was caught.

    Returns:
        The line; None for what looks like a bug.
    """
    running = _is_running(error)
    error = _without_hook(error)
    frames = [
        (frame.filename, frame.line or "")
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    message = _message(error)
    if message.startswith("Caught ") and " in DataLoader worker " in message:
        frames, message = _of_worker(message)
        return _one_line(message) if _is_deliberate(frames) else None
    if _is_deliberate(frames):
        return _one_line(message)
    outside = _of_the_machine(error, message)
    if outside is not None:
        return _one_line(outside)
    if isinstance(error, _BUILDING) and not running:
        kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
        if isinstance(error, KeyError) and " " not in message:
            message = f"there is no {message!r} ({_place(frames)})"
        return _one_line(f"{kind}{message or _place(frames)} (--debug shows where)")
    return None


def _of_the_machine(error: BaseException, message: str) -> str | None:
    """What neither mmris nor its user's files are to blame for."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return (
            f"a file cannot be written: {message}. Make room, or let the work dir be "
            "written, and go on with --resume"
        )
    dead = _DEAD_WORKER.search(message)
    if isinstance(error, RuntimeError) and dead is not None:
        return (
            f"a worker that loads data died: {dead[0]}. One that is killed most often "
            "had no memory left: lower num_workers or batch_size of the data loader, "
            "or raise the memory of the job, and go on with --resume"
        )
    if isinstance(error, RuntimeError) and _LOST_PEER.search(message):
        return (
            "another process of this job is gone; its own message, or that of what "
            f"started it, says why. Go on with --resume ({message[:200]})"
        )
    return None


def _without_hook(error: BaseException) -> BaseException:
    """What a hook raised: MMEngine raises another TypeError for a TypeError."""
    inner = error.__context__
    if isinstance(inner, TypeError) and str(error).startswith(f"{inner} in "):
        return inner
    return error


def _message(error: BaseException) -> str:
    # str() of a KeyError is the representation of its message.
    if isinstance(error, KeyError) and len(error.args) == 1:
        return str(error.args[0])
    return str(error)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _place(frames: Sequence[tuple[str, str]]) -> str:
    return f"{frames[-1][1]} in {frames[-1][0]}" if frames else "no message"


def _is_deliberate(frames: Sequence[tuple[str, str]]) -> bool:
    """Whether mmris raised it itself, by a raise statement."""
    if not frames:
        return False
    file, line = Path(frames[-1][0]), frames[-1][1].strip()
    own = _PACKAGE in file.parents and _INVARIANTS not in file.parents
    return own and line.startswith("raise ")


def _is_running(error: BaseException) -> bool:
    """Whether it came out of a loop over batches."""
    return any(
        frame.filename.replace("\\", "/").endswith("mmengine/runner/loops.py")
        and frame.name in ("run", "run_epoch", "run_iter")
        for frame in traceback.extract_tb(error.__traceback__)
    )


def _of_worker(text: str) -> tuple[list[tuple[str, str]], str]:
    """Frames and message of an error that a worker sent as text."""
    lines = text.rpartition("Traceback (most recent call last):")[2].splitlines()
    frames: list[tuple[str, str]] = []
    for number, line in enumerate(lines):
        found = _FRAME.match(line)
        if found is not None:
            source = lines[number + 1] if number + 1 < len(lines) else ""
            frames.append((found["file"], source))
        elif frames and line and not line.startswith(" "):
            return frames, "\n".join(lines[number:]).partition(": ")[2]
    return frames, text
