"""Segments what sentences refer to: ``python tools/demo.py IMAGE "the left cat"``."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import unicodedata
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from mmris.apis import RefSegInferencer
from mmris.apis.pairing import pair
from mmris.apis.pictures import to_bgr
from mmris.utils import trusted_checkpoints
from mmris.utils.tool_errors import run_tool
from mmris.visualization import RefSegVisualizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.apis import RefSegPrediction

MAX_SLUG = 40


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
    visualizer = RefSegVisualizer(
        "demo", alpha=args.opacity, min_side=512, max_side=1280
    )
    stem = slug(Path(args.image).stem) or "image"
    for name, rows in pictures(stem, prediction):
        notes = [score_in_words(prediction, row) for row in rows]
        overlay = visualizer.draw_overlay(
            np.ascontiguousarray(picture[..., ::-1]),
            prediction.masks[rows],
            [prediction.expressions[row] for row in rows],
            notes=notes,
        )
        Image.fromarray(overlay).save(folder / name)
        print(f"wrote {folder / name}")
        if name != f"{stem}_all.png":
            share = 100 * prediction.masks[rows[0]].mean()
            words = printable(prediction.expressions[rows[0]])
            print(f"  {words!r}: {notes[0]}, {share:.1f} % of the image")
    return 0


def make_folder(path: str) -> Path:
    """Make a folder that files can be written into."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"the folder {path} cannot be written ({error.strerror}); choose another "
            "with --out-dir"
        ) from error
    return folder


def pictures(stem: str, prediction: RefSegPrediction) -> list[tuple[str, list[int]]]:
    """Names of the overlays, and the rows of the prediction that are on each."""
    count = len(prediction.expressions)
    digits = len(str(count))
    names = []
    for row, expression in enumerate(prediction.expressions):
        parts = [stem, f"{row + 1:0{digits}d}", slug(expression)]
        names.append(("_".join(part for part in parts if part) + ".png", [row]))
    return [*names, (f"{stem}_all.png", list(range(count)))]


def score_in_words(prediction: RefSegPrediction, row: int) -> str:
    """The score of an expression, or that its mask is empty."""
    if not prediction.masks[row].any():
        return "nothing found"
    return f"score {prediction.scores[row]:.2f}"


def slug(text: str) -> str:
    """A part of a file name that every system takes; empty if no letter is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if len(words) <= MAX_SLUG:
        return words
    # Between words where possible.
    return words[: MAX_SLUG + 1].rpartition("-")[0] or words[:MAX_SLUG]


def printable(text: str) -> str:
    """A text short enough for a line of the terminal."""
    return text if len(text) <= 80 else f"{text[:77]}..."


if __name__ == "__main__":
    sys.exit(main())
