"""Prints a script that completes commands, options, models and datasets in a shell.

All words are in the script, so that pressing the tab key starts no Python.
"""

from __future__ import annotations

import argparse
import shlex
from importlib import import_module
from typing import TYPE_CHECKING

from .commands import COMMANDS
from .tool_files import load_tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHELLS = ("bash", "zsh")
_SCRIPT = """\
_mmris() {
    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
    local words="" option="" i
    COMPREPLY=()
    # Bash cuts --option=value into three words.
    if [ "$current" = "=" ]; then
        current=""
    elif [ "$before" = "=" ]; then
        before="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    for ((i = COMP_CWORD - 1; i > 1; i--)); do
        case "${COMP_WORDS[i]}" in
            -*) option="${COMP_WORDS[i]}"; break ;;
        esac
    done
    if [ "$COMP_CWORD" -eq 1 ]; then
        words=@COMMANDS@
    else
        case "${COMP_WORDS[1]}:$before" in
@VALUES@
            *) case "${COMP_WORDS[1]}:$current" in
@OPTIONS@
                *) case "${COMP_WORDS[1]}:$option" in
@MANY@
                esac ;;
            esac ;;
        esac
    fi
    if [ -n "$words" ]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
    fi
}
complete -o default -o bashdefault -F _mmris mmris
"""
_ZSH = """\
autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of this command."""
    parser = argparse.ArgumentParser(
        prog="mmris completion",
        description="Print a script for a shell. For bash: mmris completion bash > "
        "~/.local/share/bash-completion/completions/mmris. For zsh, in ~/.zshrc: "
        'eval "$(mmris completion zsh)".',
        allow_abbrev=False,
    )
    parser.add_argument("shell", choices=SHELLS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the script."""
    args = make_parser().parse_args(argv)
    print(script(args.shell), end="")  # noqa: T201  # what the command is for
    return 0


def script(shell: str) -> str:
    """The script of a shell.

    Args:
        shell: One of :data:`SHELLS`.
    """
    parsers = {name: _parser_of(name) for name in COMMANDS}
    offered = _names_to_choose()
    values, options, many = [], [], []
    for name, parser in parsers.items():
        flags = [flag for action in parser._actions for flag in _shown(action)]
        options.append(_case(f"{name}:-*", flags))
        for action in parser._actions:
            choices = action.choices or offered.get(action.dest, ())
            if choices and action.option_strings:
                pattern = "|".join(f"{name}:{flag}" for flag in action.option_strings)
                values.append(_case(pattern, choices))
                if action.nargs == "+":  # and after the first of them as well
                    many.append(_case(pattern, choices))
            elif choices:
                options.append(_case(f"{name}:*", choices))
    text = _SCRIPT.replace("@COMMANDS@", shlex.quote(" ".join(COMMANDS)))
    text = text.replace("@VALUES@", "\n".join(values))
    text = text.replace("@OPTIONS@", "\n".join(options))
    text = text.replace("@MANY@", "\n".join(many))
    return text if shell == "bash" else _ZSH + text


def _parser_of(name: str) -> argparse.ArgumentParser:
    entry = COMMANDS[name]
    module = load_tool(entry.tool) if entry.tool else import_module(entry.module)
    parser: argparse.ArgumentParser = module.make_parser()
    return parser


def _shown(action: argparse.Action) -> list[str]:
    if action.help == argparse.SUPPRESS:
        return []
    return [flag for flag in action.option_strings if flag.startswith("--")]


def _names_to_choose() -> dict[str, list[str]]:
    """What an option takes that its parser does not list."""
    # Both read configs, which takes MMEngine.
    from mmris.utils.config import PACKAGE_CONFIGS  # noqa: PLC0415
    from mmris.utils.model_index import read_model_index  # noqa: PLC0415

    models = read_model_index()
    datasets = (PACKAGE_CONFIGS / "_base_" / "datasets").glob("*.py")
    return {
        "model": [model.name for model in models if model.weights is not None],
        "method": sorted({model.method for model in models}),
        "dataset": sorted(file.stem for file in datasets),
    }


def _case(pattern: str, words: Iterable[object]) -> str:
    return f"            {pattern}) words={shlex.quote(' '.join(map(str, words)))} ;;"
