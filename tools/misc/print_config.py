"""Prints a config as a run would use it: ``python tools/misc/print_config.py CONFIG``.

Bases are merged, options applied, and the result is held against the classes that it
names, as at the start of a run. What is printed is a config again.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from mmengine.config import Config

from mmris.utils.config import load_config, switch_dataset
from mmris.utils.config_check import check_config
from mmris.utils.config_overrides import KeyValueAction, apply_overrides
from mmris.utils.config_types import suggest_name
from mmris.utils.run_check import check_run
from mmris.utils.tiny_config import make_tiny
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Print a config with bases and options applied.",
        allow_abbrev=False,
    )
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="as tools/train.py --tiny makes it: small, for generated scenes",
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="with another dataset: a file of configs/_base_/datasets without .py, or "
        "a path",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="with these values changed, such as model.backbone.depth=50",
    )
    parser.add_argument(
        "--key",
        metavar="KEY",
        help="print this part alone, such as model.neck or param_scheduler.0",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(argv)


def find_part(cfg: Config, key: str) -> Any:
    """The value under a dotted key.

    Args:
        cfg: The config.
        key: Names joined by dots, entries of lists by their number.

    Raises:
        ValueError: There is none.
    """
    value: Any = cfg.to_dict()
    walked: list[str] = []
    for name in key.split("."):
        if isinstance(value, list | tuple):
            entries: dict[str, Any] = {str(i): entry for i, entry in enumerate(value)}
        else:
            entries = value if isinstance(value, dict) else {}
        if name not in entries:
            raise ValueError(
                f"--key {key}: {'.'.join(walked) or 'the config'} has no {name!r}; "
                f"{suggest_name(name, entries)}"
            )
        value = entries[name]
        walked.append(name)
    return value


def text_of(cfg: Config, key: str | None) -> str:
    """The config as Python, or a part of it under the last name of its key.

    Args:
        cfg: The config.
        key: Dotted key of the part, None for all.
    """
    if key is None:
        return str(cfg.pretty_text)
    name = key.rsplit(".", 1)[-1]
    part = Config({f"entry_{name}" if name.isdigit() else name: find_part(cfg, key)})
    return str(part.pretty_text)


def print_config(args: argparse.Namespace) -> int:
    """Print."""
    cfg = load_config(args.config)
    if args.tiny:
        make_tiny(cfg)
    if args.dataset is not None:
        switch_dataset(cfg, args.dataset)
    if args.cfg_options is not None:
        apply_overrides(cfg, args.cfg_options)
    check_config(cfg)
    check_run(cfg)
    print(text_of(cfg, args.key).rstrip())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Print; 2 if something is wrong."""
    args = parse_args(argv)
    return run_tool(lambda: print_config(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
