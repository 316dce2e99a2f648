"""Options that all tools have which compare predictions with annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .annotations import open_annotations

if TYPE_CHECKING:
    import argparse

    from mmris.datasets import BaseRefDataset


def add_annotation_options(parser: argparse.ArgumentParser) -> None:
    """Add the annotations, what chooses among them, and ``--debug``.

    Args:
        parser: Of a tool.
    """
    parser.add_argument(
        "annotations",
        help="a config, a file of configs/_base_/datasets, a list of your own (.json, "
        ".jsonl), or a folder with instances.json",
    )
    parser.add_argument("--split", metavar="NAME", help="split of the annotations")
    parser.add_argument(
        "--partition", metavar="NAME", help="partition of a folder: unc, google, umd"
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )


def open_chosen(args: argparse.Namespace) -> BaseRefDataset:
    """Open the annotations that the options name.

    Args:
        args: Of a parser that has these options.
    """
    return open_annotations(
        args.annotations, split=args.split, partition=args.partition
    )
