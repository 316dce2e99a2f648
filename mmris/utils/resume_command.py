"""How to go on with a run that was stopped."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def resume_command(program: str, arguments: Sequence[str]) -> str:
    """The command that continues a run.

    Args:
        program: The program that ran, such as ``tools/train.py`` or ``mmris train``.
        arguments: What it was given.

    Returns:
        The same command, with ``--resume`` and without another start; for jobs of
        several processes, which other programs start, what to add.
    """
    kept: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        option = word.split("=")[0]
        if option not in ("--resume", "--load-from"):
            kept.append(word)
        elif "=" not in word and rest and not rest[0].startswith("-"):
            rest.pop(0)
    launched = any(word.split("=")[0] == "--launcher" for word in kept)
    if launched and "none" not in " ".join(kept):
        return "the command that started this job, with --resume added"
    start = ["python", program] if program.endswith(".py") else program.split()
    return shlex.join([*start, *kept, "--resume"])
