"""The commands of ``mmris``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        help: What it does, in a line.
        module: The module with its ``make_parser`` and ``main``.
        tool: Instead of a module, a file of the folder ``tools`` without its ending.
    """

    help: str
    module: str = ""
    tool: str = ""


COMMANDS = {
    "segment": Command(
        "masks of what sentences name, in pictures, folders and videos",
        module="mmris.cli.segment",
    ),
    "train": Command("train a model (tools/train.py)", tool="train"),
    "test": Command("score a checkpoint (tools/test.py)", tool="test"),
    "models": Command(
        "list the models and their results (tools/misc/list_models.py)",
        tool="misc/list_models",
    ),
    "completion": Command(
        "print a script that lets a shell complete this command's words",
        module="mmris.cli.completion",
    ),
}
