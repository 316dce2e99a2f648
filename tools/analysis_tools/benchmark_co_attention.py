"""Time and memory of CEFNet's co-attentions, as mmris computes them and literally.

The literal vanilla form makes the P x P affinity of all pairs of places and both of its
softmaxes; the literal asymmetric form projects every place before pooling and after
the attention. The forms that mmris uses give the same numbers (see VanillaCoAttention
and AsymmetricCoAttention). One expression, inference, float32, on the CPU; the two maps
that attend to each other are given and not counted.

Every case runs in a process of its own. Memory is the growth of the resident set, so
the program runs on Linux only. MB are 10^6 bytes.

Example:
    python tools/analysis_tools/benchmark_co_attention.py --sizes 20 40
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from mmris.benchmark.plots import plot_forms
from mmris.models import AsymmetricCoAttention, CoAttention, VanillaCoAttention
from mmris.models.fusion_blocks.co_attention.asymmetric_co_attention import (
    pyramid_means,
)
from mmris.utils.own_process import run_alone
from mmris.utils.peak_memory import peak_growth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

KINDS = {"vanilla": VanillaCoAttention, "asymmetric": AsymmetricCoAttention}
FORMS = ("mmris", "literal")
NUMBER_BYTES = 4


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Compare CEFNet's co-attentions with their literal forms.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[20, 40, 96], help="sides of the map"
    )
    parser.add_argument("--channels", type=int, default=512, help="of the maps")
    parser.add_argument("--attention-channels", type=int, default=256)
    parser.add_argument(
        "--memory-limit",
        type=float,
        default=4000,
        help="MB; the literal vanilla form is skipped where it needs more",
    )
    parser.add_argument("--repeats", type=int, default=5, help="of the timed call")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="picture to write")
    # What the program calls itself with.
    parser.add_argument("--case", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def make_case(
    args: argparse.Namespace, kind: str, size: int
) -> tuple[CoAttention, Tensor, Tensor]:
    """A co-attention and the two maps, each place of length 1.

    Args:
        args: Channels.
        kind: One of ``KINDS``.
        size: Side of the maps.
    """
    torch.manual_seed(0)
    module = KINDS[kind](
        channels=args.channels, attention_channels=args.attention_channels
    )
    maps = torch.randn(2, args.channels, size, size)
    one, other = functional.normalize(maps, dim=1).split(1)
    return module.eval(), one.clone(), other.clone()


def literal_vanilla(
    module: VanillaCoAttention, multimodal: Tensor, language: Tensor
) -> Tensor:
    """Affinity of all pairs and both softmaxes of it."""
    size = multimodal.shape[2:]
    query = module.multimodal_comparison(multimodal).flatten(2)
    key = module.language_comparison(language).flatten(2)
    affinity = query.transpose(1, 2) @ key  # (1, P, P)
    by_language = torch.softmax(affinity, dim=2)
    by_multimodal = torch.softmax(affinity, dim=1)
    seen = multimodal.flatten(2) @ by_language.transpose(1, 2)
    said = language.flatten(2) @ by_multimodal
    seen = module.multimodal_mixing(seen.unflatten(2, size))
    said = module.language_mixing(said.unflatten(2, size))
    return torch.cat([seen, said], dim=1)


def literal_asymmetric(
    module: AsymmetricCoAttention, multimodal: Tensor, language: Tensor
) -> Tensor:
    """Every place projected, then pooled, and its answer projected again."""
    size = multimodal.shape[2:]
    streams = (module.multimodal, module.language)
    keys, queries, values = [], [], []
    for stream, maps in zip(streams, (multimodal, language), strict=True):
        key = torch.relu(stream.key_norm(stream.key(maps)))
        keys.append(pyramid_means(key, module.pool_sizes))
        query = torch.relu(stream.query_norm(stream.query(maps)))
        queries.append(query.flatten(2))
        values.append(pyramid_means(stream.value(maps), module.pool_sizes))
    scores = torch.cat(queries, dim=1).transpose(1, 2) @ torch.cat(keys, dim=1)
    shares = torch.softmax(module.scale * scores, dim=2)  # (1, P, S)
    gathered = [value @ shares.transpose(1, 2) for value in values]
    maps = [
        stream.output(value.unflatten(2, size))
        for stream, value in zip(streams, gathered, strict=True)
    ]
    return torch.cat(maps, dim=1)


LITERAL = {"vanilla": literal_vanilla, "asymmetric": literal_asymmetric}


@torch.inference_mode()
def run_case(args: argparse.Namespace) -> dict[str, float]:
    """Measure one form at one size; in a process that has done nothing else.

    Args:
        args: With one size, the kind and the form.
    """
    torch.set_num_threads(args.threads)

    def attend(module: Any, *maps: Tensor) -> Tensor:
        if args.case == "literal":
            return LITERAL[args.kind](module, *maps)
        attended: Tensor = module(*maps)
        return attended

    attend(*make_case(args, args.kind, 3))  # libraries are loaded, buffers made
    module, *maps = make_case(args, args.kind, args.sizes[0])
    megabytes = peak_growth(lambda: attend(module, *maps))
    times = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        attended = attend(module, *maps)
        times.append(time.perf_counter() - start)
    difference = (attended - module(*maps)).abs().max().item()
    return {
        "milliseconds": 1000 * statistics.median(times),
        "megabytes": megabytes,
        "difference": difference,
    }


def start_case(
    args: argparse.Namespace, kind: str, form: str, size: int
) -> dict[str, float]:
    """Run one case in a new process.

    Args:
        args: Everything else.
        kind: One of ``KINDS``.
        form: One of ``FORMS``.
        size: Side of the map.

    Raises:
        RuntimeError: The process failed.
    """
    options = ["--case", form, "--kind", kind, "--sizes", str(size)]
    for name in ("channels", "attention_channels", "repeats", "threads"):
        options += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    what = f"the {form} form of {kind} co-attention at {size}x{size}"
    return run_alone(__file__, options, what=what, remedy="lower --memory-limit")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    if args.case is not None:
        print(json.dumps(run_case(args)))
        return
    print("| co-attention | map | mmris | | literal | | largest difference |")
    print("|---|---|---|---|---|---|---|")
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for kind in KINDS:
        for size in args.sizes:
            cells = [kind, f"{args.channels} x {size} x {size}"]
            # The affinity and two softmaxes.
            least = 3 * NUMBER_BYTES * size**4 / 1e6 if kind == "vanilla" else 0.0
            forms = FORMS if least <= args.memory_limit else FORMS[:1]
            results = {form: start_case(args, kind, form, size) for form in forms}
            for form, result in results.items():
                cells += [f"{result['milliseconds']:.0f} ms"]
                cells += [f"{result['megabytes']:.0f} MB"]
                point = (size, result["milliseconds"], result["megabytes"])
                lines.setdefault(f"{kind}, {form}", []).append(point)
            if "literal" in results:
                cells += [f"{results['literal']['difference']:.0e}"]
            else:
                cells += ["skipped", f"> {least:.0f} MB", ""]
            print("| " + " | ".join(cells) + " |", flush=True)
    if args.plot is not None:
        plot_forms(lines, args.plot)


if __name__ == "__main__":
    main()
