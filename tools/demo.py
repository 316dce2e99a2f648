"""Segments what sentences refer to: ``python tools/demo.py IMAGE "the left cat"``."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from mmris.apis import RefSegInferencer
from mmris.apis.pairing import pair
from mmris.apis.pictures import to_bgr
from mmris.apis.result_files import (
    draw_results,
    make_folder,
    overlay_names,
    score_in_words,
)
from mmris.utils import trusted_checkpoints
from mmris.utils.file_names import printable, slug
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.apis import RefSegPrediction


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Draw what sentences refer to into a picture: one overlay for each "
        "sentence and one with all of them.",
        allow_abbrev=False,
    )
    parser.add_argument("image", help="picture file")
    parser.add_argument(
        "expressions", nargs="+", metavar="EXPRESSION", help='such as "the left cat"'
    )
    parser.add_argument(
        "--config", help="config file; the one in the checkpoint if not given"
    )
    parser.add_argument(
        "--checkpoint", help="checkpoint file; random weights if not given"
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read the checkpoint even if that runs code that is in it",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    parser.add_argument(
        "--out-dir",
        default="work_dirs/demo",
        metavar="FOLDER",
        help="where the overlays go (%(default)s)",
    )
    parser.add_argument(
        "--device", help="such as cpu or cuda:1; a GPU if there is one, if not given"
    )
    parser.add_argument(
        "--opacity",
        type=opacity,
        default=0.45,
        metavar="X",
        help="opacity of the masks, from 0 to 1 (%(default)s)",
    )
    return parser.parse_args(argv)


def opacity(text: str) -> float:
    """Read a number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Draw; 2 if something is wrong."""
    args = parse_args(argv)
    return run_tool(lambda: demo(args), debug=args.debug)


def demo(args: argparse.Namespace) -> int:
    """Segment, write the overlays, and say what was found."""
    # Mistakes that cost nothing to find come before the model is built.
    pair(args.image, args.expressions)
    picture = to_bgr(args.image, channel_order=None)
    folder = make_folder(args.out_dir)
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        segment = RefSegInferencer(args.config, args.checkpoint, args.device)
    prediction = segment(picture, args.expressions, channel_order="bgr")
    stem = slug(Path(args.image).stem) or "image"
    for name, rows in pictures(stem, prediction):
        overlay = draw_results(picture, prediction, rows, alpha=args.opacity)
        Image.fromarray(overlay).save(folder / name)
        print(f"wrote {folder / name}")
        if name != f"{stem}_all.png":
            share = 100 * prediction.masks[rows[0]].mean()
            words = printable(prediction.expressions[rows[0]])
            note = score_in_words(prediction, rows[0])
            print(f"  {words!r}: {note}, {share:.1f} % of the image")
    return 0


def pictures(stem: str, prediction: RefSegPrediction) -> list[tuple[str, list[int]]]:
    """Names of the overlays, and the rows of the prediction that are on each."""
    starts = overlay_names(stem, prediction.expressions)
    names = [(f"{start}.png", [row]) for row, start in enumerate(starts)]
    return [*names, (f"{stem}_all.png", list(range(len(starts))))]


if __name__ == "__main__":
    sys.exit(main())
