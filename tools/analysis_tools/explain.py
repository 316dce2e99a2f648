"""Shows what a model looked at: figures, a page to point at words, and arrays.

Which maps there are is found in the model: attention to words and places, types of
words, boundaries, masks stage by stage. Grad-CAM works with any layer of any model.

Example:
    python tools/analysis_tools/explain.py photo.jpg "the left cat" \
        --checkpoint best.pth --out-dir explained
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmris.apis import init_model
from mmris.apis.pairing import pair
from mmris.apis.pictures import to_bgr
from mmris.explanation import explain, list_kinds
from mmris.explanation.figures import FORMATS, query_point, write_figure
from mmris.explanation.kinds import KINDS
from mmris.explanation.page import write_page
from mmris.utils import trusted_checkpoints
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.explanation import Explanation
    from mmris.models import RefSegmentor


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Show what a model looked at for sentences about a picture.",
        allow_abbrev=False,
    )
    parser.add_argument("image", help="picture file")
    parser.add_argument("expressions", nargs="+", metavar="EXPRESSION")
    parser.add_argument("--config", help="config; that of the checkpoint if not given")
    parser.add_argument("--checkpoint", help="random weights if not given")
    parser.add_argument(
        "--maps",
        nargs="+",
        metavar="KIND",
        help="which kinds of maps; all that the model has if not given",
    )
    parser.add_argument(
        "--layers",
        nargs="+",
        metavar="LAYER",
        default=[],
        help="modules for Grad-CAM, such as backbone.layer3; 'neck' are the maps that "
        "the head is given, and the default of a model that has no maps",
    )
    parser.add_argument(
        "--heads",
        action="store_true",
        help="also show each head of an attention alone, beside their mean",
    )
    parser.add_argument(
        "--point",
        nargs=2,
        type=float,
        metavar=("ROW", "COLUMN"),
        help="the place that looks, in pixels of the picture, in figures of maps that "
        "have one; the most probable place of the mask if not given",
    )
    parser.add_argument(
        "--list", action="store_true", help="say which maps the model has, and stop"
    )
    parser.add_argument(
        "--format",
        choices=[ending[1:] for ending in FORMATS],
        default="png",
        help="of the figures (%(default)s)",
    )
    parser.add_argument(
        "--dpi", type=int, default=200, help="of figures in PNG (%(default)s)"
    )
    parser.add_argument(
        "--arrays", action="store_true", help="write all numbers, one .npz a sentence"
    )
    parser.add_argument(
        "--out-dir", default="work_dirs/explain", metavar="FOLDER", help="(%(default)s)"
    )
    parser.add_argument("--device", default="cpu", help="(%(default)s)")
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read the checkpoint even if that runs code that is in it",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Explain; 2 if something is wrong."""
    args = parse_args(argv)
    return run_tool(lambda: write_explanations(args), debug=args.debug)


def write_explanations(args: argparse.Namespace) -> int:
    """Explain, and write figures, page and arrays."""
    # Mistakes that cost nothing to find come before the model is built.
    pair(args.image, args.expressions)
    picture = to_bgr(args.image, channel_order=None)
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        model = init_model(args.config, args.checkpoint, args.device)
    if args.list:
        print_kinds(model)
        return 0
    layers = args.layers or ([] if list_kinds(model) or args.maps else ["neck"])
    explanations = explain(
        model,
        picture,
        args.expressions,
        kinds=args.maps,
        layers=layers,
        heads=args.heads,
        channel_order="bgr",
    )
    folder = Path(args.out_dir)
    point = None if args.point is None else (args.point[0], args.point[1])
    query_point(explanations[0], point)
    folder.mkdir(parents=True, exist_ok=True)
    stem = Path(args.image).stem or "image"
    for number, explanation in enumerate(explanations, start=1):
        print(f"{number}: {explanation.expression!r}, read as {explanation.words}")
        for path in write_all(explanation, folder / f"{stem}_{number}", args, point):
            print(f"wrote {path}")
    page = folder / f"{stem}.html"
    write_page(page, explanations, title=Path(args.image).name)
    print(f"wrote {page}")
    return 0


def write_all(
    explanation: Explanation,
    stem: Path,
    args: argparse.Namespace,
    point: tuple[float, float] | None,
) -> list[Path]:
    """Write what belongs to one sentence; returns the files."""
    written = []
    for kind in dict.fromkeys(entry.kind for entry in explanation.maps.values()):
        path = stem.with_name(f"{stem.name}_{kind}.{args.format}")
        write_figure(explanation, kind, path, point=point, dpi=args.dpi)
        written.append(path)
    if args.arrays:
        path = stem.with_name(f"{stem.name}.npz")
        np.savez_compressed(path, **explanation.arrays())
        written.append(path)
    return written


def print_kinds(model: RefSegmentor) -> None:
    """Print the maps that a model has, and its layers."""
    for kind in list_kinds(model):
        print(f"{kind}: {KINDS[kind].meaning}")
    print(f"grad_cam (with --layers): {KINDS['grad_cam'].meaning}")
    names = [name for name, _ in model.named_modules() if name.count(".") == 1]
    print(f"layers, among others: neck, {', '.join(names)}")


if __name__ == "__main__":
    sys.exit(main())
