"""Time and memory of SHNet's attention, fused against with all pairs of tokens.

The fused kernel, which SynchronousFusion uses in evaluation, never makes the matrix of
all (P + T)^2 pairs of its P cells and T words; PyTorch's plain kernel does. Same module
and weights, three levels of one image, one expression, inference, float32, on the CPU.

Every case runs in a process of its own. Memory is the growth of the resident set over
that of model and input, so the program runs on Linux only. MB are 10^6 bytes.

Example:
    python tools/analysis_tools/benchmark_synchronous_fusion.py --sizes 20 40
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmris.benchmark.plots import plot_forms
from mmris.models import SynchronousFusion
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from mmris.utils.own_process import run_alone
from mmris.utils.peak_memory import peak_growth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

FORMS = {"fused": SDPBackend.FLASH_ATTENTION, "all pairs": SDPBackend.MATH}
LEVEL_CHANNELS = (512, 1024, 2048)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Compare fused and plain attention of SHNet.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[18, 20, 40], help="sides of the grid"
    )
    parser.add_argument("--words", type=int, default=20)
    parser.add_argument("--channels", type=int, default=512)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5, help="of the timed call")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="picture to write")
    # What the program calls itself with.
    parser.add_argument("--case", choices=FORMS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def make_case(
    args: argparse.Namespace, size: int
) -> tuple[SynchronousFusion, Any, TextFeatures]:
    """A neck, the image part that it made, and one expression, its last word padding.

    Args:
        args: Words, channels and heads.
        size: Side of the grid.
    """
    torch.manual_seed(0)
    neck = SynchronousFusion(
        in_levels=[LevelSpec(channels, 8) for channels in LEVEL_CHANNELS],
        in_text=TextSpec(args.channels, args.channels),
        channels=args.channels,
        grid_size=(size, size),
        num_heads=args.heads,
    ).eval()
    tokens = torch.randn(1, args.words, args.channels)
    mask = torch.arange(args.words)[None] < max(args.words - 1, 1)
    text = TextFeatures(tokens, mask, tokens.mean(dim=1))
    levels = [torch.rand(1, channels, size, size) for channels in LEVEL_CHANNELS]
    return neck, neck.project(levels), text


@torch.inference_mode()
def fuse(
    form: str, neck: SynchronousFusion, projected: Any, text: TextFeatures
) -> Tensor:
    """The part of the neck that has the attention.

    Args:
        form: One of ``FORMS``.
        neck: The neck.
        projected: Its image part.
        text: One expression.
    """
    with sdpa_kernel(FORMS[form]):
        return neck.fuse(projected, text, torch.zeros(1, dtype=torch.int64))[0]


@torch.inference_mode()
def run_case(args: argparse.Namespace) -> dict[str, float]:
    """Measure one form at one size; in a process that has done nothing else.

    Args:
        args: With one size and the form.
    """
    torch.set_num_threads(args.threads)
    fuse(args.case, *make_case(args, 3))  # libraries are loaded, buffers made
    inputs = make_case(args, args.sizes[0])
    megabytes = peak_growth(lambda: fuse(args.case, *inputs))
    times = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        fused = fuse(args.case, *inputs)
        times.append(time.perf_counter() - start)
    difference = (fused - fuse("all pairs", *inputs)).abs().max().item()
    return {
        "milliseconds": 1000 * statistics.median(times),
        "megabytes": megabytes,
        "difference": difference,
    }


def start_case(args: argparse.Namespace, form: str, size: int) -> dict[str, float]:
    """Run one case in a new process.

    Args:
        args: Everything else.
        form: One of ``FORMS``.
        size: Side of the grid.

    Raises:
        RuntimeError: The process failed.
    """
    options = ["--case", form, "--sizes", str(size)]
    for name in ("words", "channels", "heads", "repeats", "threads"):
        options += [f"--{name}", str(getattr(args, name))]
    what = f"the case {form!r} of a {size}x{size} grid"
    return run_alone(__file__, options, what=what, remedy="leave that size out")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    if args.case is not None:
        print(json.dumps(run_case(args)))
        return
    print("| grid | tokens | fused | | all pairs | | largest difference |")
    print("|---|---|---|---|---|---|---|")
    lines: dict[str, list[tuple[float, float, float]]] = {form: [] for form in FORMS}
    for size in args.sizes:
        cells = [f"{size}x{size}", str(size * size + args.words)]
        results = {form: start_case(args, form, size) for form in FORMS}
        for form, result in results.items():
            cells += [f"{result['milliseconds']:.0f} ms"]
            cells += [f"{result['megabytes']:.0f} MB"]
            lines[form].append((size, result["milliseconds"], result["megabytes"]))
        cells.append(f"{results['fused']['difference']:.0e}")
        print("| " + " | ".join(cells) + " |")
    if args.plot is not None:
        plot_forms(lines, args.plot)


if __name__ == "__main__":
    main()
