"""``mmris segment``: masks of what sentences name, in pictures, folders and videos."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# As mmris.apis.result_files.FORMS, which would take seconds to import.
FORMS = ("overlay", "mask", "cutout", "box", "polygon", "rle")
STANDARD_FORMS = ("overlay", "mask", "box")


def make_parser() -> argparse.ArgumentParser:
    """The parser of this command."""
    parser = argparse.ArgumentParser(
        prog="mmris segment",
        description="Segment what sentences name in a picture, in all pictures of a "
        'folder, or in a video: mmris segment photo.jpg "the man on the left" --model '
        "NAME.",
        allow_abbrev=False,
    )
    parser.add_argument("input", help="picture, folder of pictures, or video")
    parser.add_argument(
        "expressions",
        nargs="*",
        metavar="EXPRESSION",
        help='such as "the man on the left"; as many as you like',
    )
    parser.add_argument(
        "--expressions-from",
        metavar="FILE",
        help="also take the expressions of this text file, one a line",
    )
    model = parser.add_argument_group("model", "one of --model and --checkpoint")
    model.add_argument(
        "--model",
        metavar="NAME",
        help="a model with trained weights; 'mmris models --weights' lists them",
    )
    model.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="path of a checkpoint, or an address with --sha256",
    )
    model.add_argument(
        "--sha256", metavar="HEX", help="checksum that the checkpoint must have"
    )
    model.add_argument(
        "--config", help="config file; the one in the checkpoint if not given"
    )
    model.add_argument(
        "--device", help="such as cpu or cuda:1; a GPU if there is one, if not given"
    )
    model.add_argument(
        "--threshold",
        type=_between_0_and_1,
        metavar="X",
        help="probability above which a pixel is in the mask; the config's if not "
        "given",
    )
    model.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read the checkpoint even if that runs code that is in it",
    )
    results = parser.add_argument_group("results")
    results.add_argument(
        "--out-dir",
        default="work_dirs/segment",
        metavar="FOLDER",
        help="where they go (%(default)s)",
    )
    results.add_argument(
        "--save",
        nargs="+",
        choices=FORMS,
        default=list(STANDARD_FORMS),
        metavar="FORM",
        help=f"what to write, of {', '.join(FORMS)} ({' '.join(STANDARD_FORMS)})",
    )
    results.add_argument(
        "--opacity",
        type=_opacity,
        default=0.45,
        metavar="X",
        help="opacity of the masks in overlays, from 0 to 1 (%(default)s)",
    )
    parser.add_argument(
        "--recursive",
        action="store_true",
        help="of a folder, take the pictures of its folders as well",
    )
    parser.add_argument(
        "--every",
        type=_positive,
        default=1,
        metavar="N",
        help="of a video, take every N-th frame (%(default)s)",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _opacity(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def _between_0_and_1(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _positive(text: str) -> int:
    value = _number(text)
    if value < 1 or value != int(value):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 on")
    return int(value)


def main(argv: Sequence[str] | None = None) -> int:
    """Segment; 2 if something is wrong."""
    args = make_parser().parse_args(argv)
    # Only now: torch and MMEngine take seconds.
    work = import_module("mmris.cli.segment_work")
    code: int = work.run(args)
    return code
