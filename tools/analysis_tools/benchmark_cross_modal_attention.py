"""Time and memory of cross-modal attention, factorised against the literal form.

The literal form makes the scores of all (P T)^2 pairs of word-pixel pairs; the
factorised form, which mmris uses, gives the same numbers (see
CrossModalAttentionBlock). One image, one expression, inference, float32, on the CPU.

Every case runs in a process of its own. Its memory is the growth of the resident set
over that of model and input, whatever allocates: the high-water mark that Linux keeps
(VmHWM, reset through /proc/self/clear_refs), so the program runs on Linux only. MB are
10^6 bytes. Times are medians and include the projections.

Example:
    python tools/analysis_tools/benchmark_cross_modal_attention.py --sizes 10 20
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmris.benchmark.plots import plot_forms
from mmris.models.fusion_blocks import CrossModalAttentionBlock
from mmris.models.layers import coordinate_map
from mmris.structures import LevelSpec, TextFeatures, TextSpec
from mmris.utils.own_process import run_alone
from mmris.utils.peak_memory import peak_growth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

FORMS = ("factorised", "literal")
NUMBER_BYTES = 4


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Compare factorised and literal cross-modal attention.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10, 20, 40], help="sides of the map"
    )
    parser.add_argument("--words", type=int, nargs="+", default=[5, 10, 20])
    parser.add_argument("--channels", type=int, default=2048, help="of the level")
    parser.add_argument("--word-channels", type=int, default=1000)
    parser.add_argument("--attention-channels", type=int, default=512)
    parser.add_argument("--out-channels", type=int, default=500)
    parser.add_argument(
        "--memory-limit",
        type=float,
        default=4000,
        help="MB; the literal form is skipped where it needs more",
    )
    parser.add_argument("--repeats", type=int, default=5, help="of the timed call")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="picture to write")
    # What the program calls itself with.
    parser.add_argument("--case", choices=FORMS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def make_case(
    args: argparse.Namespace, size: int, words: int
) -> tuple[CrossModalAttentionBlock, Tensor, TextFeatures]:
    """A block, a level of one image and one expression without padding.

    Args:
        args: Channels.
        size: Side of the map.
        words: Words of the expression.
    """
    torch.manual_seed(0)
    block = CrossModalAttentionBlock(
        in_level=LevelSpec(args.channels, 8),
        in_text=TextSpec(args.word_channels, args.word_channels),
        attention_channels=args.attention_channels,
        out_channels=args.out_channels,
    )
    tokens = torch.randn(1, words, args.word_channels)
    mask = torch.ones(1, words, dtype=torch.bool)
    text = TextFeatures(tokens, mask, tokens.mean(dim=1))
    return block.eval(), torch.rand(1, args.channels, size, size), text


def factorised(
    block: CrossModalAttentionBlock, level: Tensor, text: TextFeatures
) -> Tensor:
    """The form that mmris uses."""
    fused: Tensor = block(level, text, torch.zeros(1, dtype=torch.int64))
    return fused


def literal(
    block: CrossModalAttentionBlock, level: Tensor, text: TextFeatures
) -> Tensor:
    """All pairs as one dense attention, as the equations are printed."""
    _, channels, height, width = level.shape
    words = torch.nn.functional.normalize(text.tokens[0], dim=1)  # (T, C_t)
    pixels = torch.nn.functional.normalize(level[0].flatten(1).t(), dim=1)  # (P, C)
    place = coordinate_map(height, width, dtype=level.dtype).flatten(1).t()  # (P, 8)
    shape = (height * width, len(words))
    pairs = torch.cat(
        [
            pixels[:, None].expand(*shape, channels),
            words[None].expand(*shape, words.shape[1]),
            place[:, None].expand(*shape, place.shape[1]),
        ],
        dim=2,
    ).flatten(0, 1)  # (P T, C + C_t + 8)
    scores = block.query(pairs) @ block.key(pairs).t()  # (P T, P T)
    attended = torch.softmax(scores, dim=1) @ block.value(pairs)
    del scores
    pairs = (block.output(attended) + pairs).unflatten(0, shape)
    fused = torch.relu(block.reduce(pairs.mean(dim=1)))  # (P, out_channels)
    return fused.t().reshape(1, -1, height, width)


def literal_megabytes(args: argparse.Namespace, size: int, words: int) -> float:
    """What the literal form needs at least: scores and softmax, pairs, q, k and v.

    Args:
        args: Channels.
        size: Side of the map.
        words: Words of the expression.
    """
    pairs = size * size * words
    width = args.channels + args.word_channels + 8 + 3 * args.attention_channels
    return NUMBER_BYTES * pairs * (2 * pairs + width) / 1e6


@torch.inference_mode()
def run_case(args: argparse.Namespace) -> dict[str, Any]:
    """Measure one form at one size; in a process that has done nothing else.

    Args:
        args: With one size, one number of words and the form.
    """
    torch.set_num_threads(args.threads)
    form = {"factorised": factorised, "literal": literal}[args.case]
    form(*make_case(args, 3, 2))  # libraries are loaded, buffers of threads made
    inputs = make_case(args, args.sizes[0], args.words[0])
    megabytes = peak_growth(lambda: form(*inputs))
    times = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        fused = form(*inputs)
        times.append(time.perf_counter() - start)
    difference = (fused - factorised(*inputs)).abs().max().item()
    return {
        "milliseconds": 1000 * statistics.median(times),
        "megabytes": megabytes,
        "difference": difference,
    }


def start_case(
    args: argparse.Namespace, form: str, size: int, words: int
) -> dict[str, Any]:
    """Run one case in a new process.

    Args:
        args: Everything else.
        form: One of ``FORMS``.
        size: Side of the map.
        words: Words of the expression.

    Raises:
        RuntimeError: The process failed.
    """
    options = ["--case", form, "--sizes", str(size), "--words", str(words)]
    for name in (
        "channels",
        "word_channels",
        "attention_channels",
        "out_channels",
        "repeats",
        "threads",
    ):
        options += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    what = f"the {form} form of {size}x{size} positions and {words} words"
    return run_alone(__file__, options, what=what, remedy="lower --memory-limit")


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The numbers as Markdown.

    Args:
        rows: From :func:`main`.
    """
    lines = [
        "| map | words | factorised | | literal | | literal / factorised | | largest "
        "difference |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours, other = row["factorised"], row["literal"]
        cells = [f"{row['size']}x{row['size']}", str(row["words"])]
        cells += [f"{ours['milliseconds']:.0f} ms", f"{ours['megabytes']:.0f} MB"]
        if other is None:
            cells += ["skipped", f"> {row['literal_at_least']:.0f} MB", "", "", ""]
        else:
            cells += [f"{other['milliseconds']:.0f} ms", f"{other['megabytes']:.0f} MB"]
            for unit in ("milliseconds", "megabytes"):
                cells.append(f"{other[unit] / max(ours[unit], 1e-3):.1f}x")
            cells.append(f"{other['difference']:.0e}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def lines_of(
    rows: Sequence[dict[str, Any]],
) -> dict[str, list[tuple[float, float, float]]]:
    """For the picture: a line a form and number of words.

    Args:
        rows: From :func:`main`.
    """
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for row in rows:
        for form in FORMS:
            result = row[form]
            if result is not None:
                name = f"{form}, {row['words']} words"
                point = (row["size"], result["milliseconds"], result["megabytes"])
                lines.setdefault(name, []).append(point)
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    if args.case is not None:
        print(json.dumps(run_case(args)))
        return
    rows = []
    for size in args.sizes:
        for words in args.words:
            least = literal_megabytes(args, size, words)
            forms = FORMS if least <= args.memory_limit else FORMS[:1]
            results = {form: start_case(args, form, size, words) for form in forms}
            rows.append(
                {
                    "size": size,
                    "words": words,
                    "factorised": results["factorised"],
                    "literal": results.get("literal"),
                    "literal_at_least": least,
                }
            )
            print(f"{size}x{size}, {words} words: done", file=sys.stderr)
    print(table(rows))
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if args.plot is not None:
        plot_forms(lines_of(rows), args.plot)


if __name__ == "__main__":
    main()
