"""Measure how the necks grow with the size of the picture and the number of words.

One picture of noise and one random expression, inference, float32. The first table has
each neck's time and work at every size, with the fewest words; the second at every
number of words, on the smallest picture. A power of 2.0 means: twice as many positions
(or words), four times as long.

Example:
    python tools/analysis_tools/benchmark_growth.py --preset paper --sizes 160 320
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mmris.benchmark import (
    PRESETS,
    Effort,
    Record,
    build_random_model,
    describe_machine,
)
from mmris.benchmark.growth import GrowthPoint, exponent, measure_neck
from mmris.benchmark.plots import plot_growth
from mmris.benchmark.tables import markdown
from mmris.utils.config import PACKAGE_CONFIGS, load_config
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Measure how necks grow with positions and words.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("configs", nargs="*", help="paths of configs")
    parser.add_argument("--preset", choices=PRESETS, help="configs to measure as well")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[160, 320], help="sides of the picture"
    )
    parser.add_argument(
        "--words", type=int, nargs="+", default=[5, 20], help="of the expression"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--rounds", type=int, default=5, help="that are timed")
    parser.add_argument("--warm-up", type=int, default=1, help="calls before them")
    parser.add_argument(
        "--clock",
        choices=["wall", "processor"],
        default="wall",
        help="on a CPU; processor time is steadier where other programs run",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write results there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="picture to write")
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    return parser.parse_args(arguments)


def cases(sizes: Sequence[int], words: Sequence[int]) -> list[tuple[int, int]]:
    """Sizes with the fewest words, then words on the smallest picture.

    Args:
        sizes: Sides of the picture.
        words: Numbers of words.

    Raises:
        ValueError: There is no growth to see.
    """
    if len(set(sizes)) < 2 or len(set(words)) < 2:
        raise ValueError(
            "growth is seen between two at least: give two different --sizes and two "
            "different --words"
        )
    if min(sizes) < 1 or min(words) < 1:
        raise ValueError("--sizes and --words are positive")
    grown = [(size, min(words)) for size in sorted(set(sizes))]
    return [*grown, *((min(sizes), count) for count in sorted(set(words))[1:])]


def measure(args: argparse.Namespace, command: str) -> Record:
    """Measure everything.

    Args:
        args: The command line.
        command: The same as one line.

    Raises:
        ValueError: No config is given.
    """
    names = [str(PACKAGE_CONFIGS / name) for name in PRESETS.get(args.preset, [])]
    paths = [*args.configs, *names]
    if not paths:
        raise ValueError("no config is given; give paths of configs, or --preset paper")
    wanted = cases(args.sizes, args.words)
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: this host has no GPU; give --device cpu")
    record = Record(command, describe_machine(device), args.json)
    effort = Effort(args.rounds, args.warm_up, args.clock)
    for path in paths:
        smallest = (min(args.sizes), min(args.sizes))
        model = build_random_model(load_config(path), size=smallest, device=device)
        for size, words in wanted:
            point = measure_neck(
                model,
                name=Path(path).stem,
                size=(size, size),
                words=words,
                device=device,
                effort=effort,
            )
            record.add(point)
            print(
                f"{point.config}, {size}x{size}, {words} words: done", file=sys.stderr
            )
    return record


def tables(points: Sequence[GrowthPoint]) -> str:
    """Both tables as Markdown.

    Args:
        points: What was measured.
    """
    return "\n\n".join(
        [
            _table(points, "positions", "picture"),
            _table(points, "words", "words"),
        ]
    )


def _table(points: Sequence[GrowthPoint], axis: str, heading: str) -> str:
    head = ["neck of", heading, "ms", "GFLOP", "MB", "power in time", "power in work"]
    rows = []
    for config in dict.fromkeys(point.config for point in points):
        line = along(points, config, axis)
        where = [place(point, axis) for point in line]
        powers = [
            f"{exponent(where, values):.2f}"
            for values in (
                [point.milliseconds for point in line],
                [point.gflop for point in line],
            )
        ]
        for number, point in enumerate(line):
            at = "x".join(map(str, point.size)) if axis == "positions" else point.words
            memory = "" if point.megabytes is None else f"{point.megabytes:.0f}"
            cells = [config, str(at), f"{point.milliseconds:.1f}", f"{point.gflop:.3g}"]
            last = number == len(line) - 1
            rows.append([*cells, memory, *(powers if last else ["", ""])])
    return markdown(head, rows)


def along(points: Sequence[GrowthPoint], config: str, axis: str) -> list[GrowthPoint]:
    """The points of one config in which only positions or words differ.

    Args:
        points: What was measured.
        config: Name of the config.
        axis: ``"positions"`` or ``"words"``.
    """
    own = [point for point in points if point.config == config]
    if axis == "positions":
        fewest = min(point.words for point in own)
        return [point for point in own if point.words == fewest]
    smallest = min(point.size for point in own)
    return [point for point in own if point.size == smallest]


def place(point: GrowthPoint, axis: str) -> float:
    """Pixels, which positions are proportional to, or words.

    Args:
        point: A point.
        axis: ``"positions"`` or ``"words"``.
    """
    return float(point.size[0] * point.size[1] if axis == "positions" else point.words)


def run(args: argparse.Namespace, command: str) -> int:
    """Measure, print the tables, draw the picture.

    Args:
        args: The command line.
        command: The same as one line.
    """
    record = measure(args, command)
    points = [
        GrowthPoint(**{**point, "size": tuple(point["size"])})
        for point in record.measurements
    ]
    print(tables(points))
    if args.plot is not None:
        lines = {
            axis: {
                config: [
                    (place(point, axis), point.milliseconds)
                    for point in along(points, config, axis)
                ]
                for config in dict.fromkeys(point.config for point in points)
            }
            for axis in ("positions", "words")
        }
        plot_growth(lines, args.plot)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    words = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "tools/analysis_tools/benchmark_growth.py", *words])
    return run_tool(lambda: run(args, command), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
