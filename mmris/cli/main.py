"""The command ``mmris``: what it can do, and who does it.

Nothing heavy is imported until a command is known and its options are understood, so
that ``mmris --help`` and mistakes are answered at once.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from mmris.version import __version__

from .commands import COMMANDS
from .tool_files import load_tool

if TYPE_CHECKING:
    from collections.abc import Sequence


def make_parser() -> argparse.ArgumentParser:
    """The parser of what comes before a command."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {entry.help}" for name, entry in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="mmris",
        description="Referring image segmentation: masks of what sentences name.",
        epilog="commands:\n"
        + "\n".join(lines)
        + "\n\n'mmris COMMAND --help' shows the options of a command. For example:\n"
        + '  mmris segment photo.jpg "the red shape" --model cmsa_tiny_shapes',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"mmris {__version__}")
    parser.add_argument("command", choices=list(COMMANDS), metavar="COMMAND")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The words after ``mmris``; None takes those of the program.

    Returns:
        The exit code: 0, or 2 after an error, or what the command says.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in COMMANDS:
        make_parser().parse_args(words[:1] or ["--help"])
    name, *arguments = words
    entry = COMMANDS[name]
    module = load_tool(entry.tool) if entry.tool else import_module(entry.module)
    # Parsers, and the command that goes on with a training, name the program by it.
    sys.argv = [f"mmris {name}", *arguments]
    code: int = module.main(arguments)
    return code
