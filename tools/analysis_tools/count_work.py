"""The work of models and how it grows, counted without doing any of it.

On torch's meta device a model has shapes and no values, so that a config of any size is
counted in seconds, on any machine: the multiplications and additions (two FLOP) of all
convolutions and matrix products.

The first table has each part, and the work of one expression among K of one image, by
which one forward a sentence is compared. The second has the neck alone, both parts of
it without the backbone: at the config's input size, at twice its height and width,
which are four times as many positions, and at twice as many words.

Example:
    python tools/analysis_tools/count_work.py --preset paper
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from mmris.benchmark import (
    PLAIN,
    PRESETS,
    build_model,
    count_flops,
    input_size,
    random_batch,
)
from mmris.benchmark.passes import (
    BACKBONE,
    EXPRESSION,
    HEAD,
    IMAGE,
    TEXT,
    WHOLE,
    inference_passes,
)
from mmris.benchmark.tables import markdown
from mmris.utils.config import PACKAGE_CONFIGS, load_config
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.models import RefSegmentor

META = torch.device("meta")
PARTS = (BACKBONE, TEXT, IMAGE, EXPRESSION, HEAD)
NECK = (BACKBONE, IMAGE, EXPRESSION)


class Case(NamedTuple):
    """What a model is given.

    Attributes:
        size: Height and width of the picture.
        expressions: Of the picture.
        words: Of each expression.
    """

    size: tuple[int, int]
    expressions: int
    words: int


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Count the work of models and how it grows.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("configs", nargs="*", help="paths of configs")
    parser.add_argument("--preset", choices=PRESETS, help="configs to count as well")
    parser.add_argument(
        "--expressions", type=int, default=7, help="K, of one image in the last column"
    )
    parser.add_argument("--words", type=int, default=10, help="of each expression")
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(arguments)


def work(
    model: RefSegmentor, case: Case, parts: Sequence[str] = PARTS
) -> dict[str, float]:
    """The work of some parts.

    Args:
        model: On the meta device.
        case: What it is given.
        parts: Their names.

    Returns:
        10^9 FLOP by the name of the part.
    """
    batch = random_batch(
        size=case.size,
        images=1,
        expressions=case.expressions,
        words=case.words,
        device=META,
    )
    passes = inference_passes(model, batch, PLAIN, META)
    return {
        name: count_flops(lambda call=passes[name]: call(lambda: None))
        for name in parts
    }


def of_neck(model: RefSegmentor, case: Case) -> float:
    """The work of both parts of the neck, less the backbone that runs inside.

    Args:
        model: On the meta device.
        case: What it is given.
    """
    found = work(model, case, NECK)
    return found[IMAGE] + found[EXPRESSION] - found[BACKBONE]


def count(path: str, expressions: int, words: int) -> tuple[list[str], list[str]]:
    """The rows of one config in both tables.

    Args:
        path: Of the config.
        expressions: ``K``.
        words: Of each expression.
    """
    config = load_config(path)
    model = build_model(config, device=META)
    name = Path(path).stem
    size = input_size(config)
    one = work(model, Case(size, 1, words))
    whole = one[TEXT] + one[IMAGE] + one[EXPRESSION] + one[HEAD]
    many = work(model, Case(size, expressions, words), [WHOLE])[WHOLE] / expressions
    relative = [f"{whole / one[BACKBONE]:.2f}", f"{many / whole:.2f}"]
    systems = [name, *(f"{one[part]:.1f}" for part in PARTS), f"{whole:.1f}", *relative]
    base = one[IMAGE] + one[EXPRESSION] - one[BACKBONE]
    wide = of_neck(model, Case((2 * size[0], 2 * size[1]), 1, words))
    long = of_neck(model, Case(size, 1, 2 * words))
    growth = [name, f"{base:.1f}", f"{wide / base:.2f}", f"{long / base:.2f}"]
    return systems, growth


def run(args: argparse.Namespace) -> int:
    """Print both tables.

    Args:
        args: The command line.

    Raises:
        ValueError: No config is given.
    """
    names = [str(PACKAGE_CONFIGS / name) for name in PRESETS.get(args.preset, [])]
    paths = [*args.configs, *names]
    if not paths:
        raise ValueError("no config is given; give paths of configs, or --preset paper")
    rows = [count(path, args.expressions, args.words) for path in paths]
    head = ["GFLOP of", "backbone", "text", "image part", "expression part", "head"]
    shares = ["x backbone", f"an expression of {args.expressions}, x alone"]
    print(markdown([*head, "whole", *shares], [systems for systems, _ in rows]))
    growth = ["neck of", "GFLOP", "x at 4 times the positions", "x at twice the words"]
    print(f"\n{markdown(growth, [row for _, row in rows])}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: run(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
