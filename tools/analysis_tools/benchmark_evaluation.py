"""Sentences a second of an evaluation pass, against one forward a sentence.

Pictures of noise at the config's input size, with sentences of random words whose
number a picture and whose lengths are distributed as in RefCOCO's val split: 7.2 a
picture, 3.6 words each. Every picture goes through the model once with all its
sentences, as tools/test.py does it, and then once with each of them; the two take
turns, so that whatever else the machine does slows both. Weights are random, and the
logits of both ways are compared. Neither data nor a network is needed.

Example:
    python tools/analysis_tools/benchmark_evaluation.py --preset paper --pictures 5
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from mmris.benchmark import (
    PRESETS,
    Record,
    Stopwatch,
    build_random_model,
    describe_machine,
    input_size,
)
from mmris.benchmark.sentence_counts import sentences_like_refcoco
from mmris.benchmark.tables import markdown
from mmris.utils.config import PACKAGE_CONFIGS, load_config
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.models import RefSegmentor

HEAD = [
    "config",
    "pictures",
    "sentences",
    "together, sentences/s",
    "one by one, sentences/s",
    "times as fast",
    "a picture's, least to most",
    "logits differ by",
]


class PassTimes(NamedTuple):
    """One pass over all pictures.

    Attributes:
        sentences: Of each picture.
        together: Milliseconds of each picture, all its sentences at once.
        one_by_one: Milliseconds of each picture, a forward a sentence.
        difference: Largest difference of two logits, in parts of the largest logit.
    """

    sentences: list[int]
    together: list[float]
    one_by_one: list[float]
    difference: float

    @property
    def speed_up(self) -> float:
        """How many times as fast all sentences at once are, over all pictures."""
        return sum(self.one_by_one) / sum(self.together)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Measure an evaluation pass against one forward a sentence."
    )
    parser.add_argument("configs", nargs="*", help="paths of configs")
    parser.add_argument(
        "--preset", choices=sorted(PRESETS), help="configs to measure as well"
    )
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument(
        "--clock",
        choices=("wall", "processor"),
        default="wall",
        help="on a CPU; processor time is steadier where other programs run",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write results there")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser.parse_args(arguments)


@torch.no_grad()
def measure(
    model: RefSegmentor,
    pictures: Sequence[Sequence[str]],
    size: tuple[int, int],
    watch: Stopwatch,
) -> PassTimes:
    """Time both ways, picture by picture.

    Args:
        model: In evaluation mode.
        pictures: The sentences of each.
        size: (height, width) of all pictures.
        watch: Which clock to use, and where the model lives.
    """
    generator = torch.Generator().manual_seed(0)
    together: list[float] = []
    one_by_one: list[float] = []
    difference = 0.0
    # The longest first, uncounted: memory has its final size from then on.
    for number, sentences in enumerate([max(pictures, key=len), *pictures]):
        image = torch.randn(1, 3, *size, generator=generator).to(watch.device)
        index = torch.zeros(len(sentences), dtype=torch.int64, device=watch.device)
        watch.mark()
        whole = torch.cat(list(model.decode_chunks(image, list(sentences), index)))
        watch.mark()
        (whole_time,) = watch.read()
        watch.mark()
        parts = [model.decode(image, [text], index[:1]).logits for text in sentences]
        watch.mark()
        (parts_time,) = watch.read()
        largest = whole.abs().max()
        difference = max(
            difference, float((whole - torch.cat(parts)).abs().max() / largest)
        )
        if number > 0:
            together.append(whole_time)
            one_by_one.append(parts_time)
    return PassTimes(
        [len(entry) for entry in pictures], together, one_by_one, difference
    )


def row(name: str, times: PassTimes) -> list[str]:
    """A row of the table.

    Args:
        name: Of the config.
        times: Of its pass.
    """
    count = sum(times.sentences)
    ratios = [
        alone / whole
        for alone, whole in zip(times.one_by_one, times.together, strict=True)
    ]
    middle = statistics.median(ratios)
    return [
        name,
        str(len(times.sentences)),
        str(count),
        f"{1000 * count / sum(times.together):.2f}",
        f"{1000 * count / sum(times.one_by_one):.2f}",
        f"{times.speed_up:.2f}",
        f"{min(ratios):.2f} to {max(ratios):.2f} (median {middle:.2f})",
        f"{times.difference:.0e}",
    ]


def run(args: argparse.Namespace) -> int:
    """Measure all configs and print.

    Args:
        args: The command line.

    Raises:
        ValueError: No config is given, or a number is out of its range.
    """
    names = [str(PACKAGE_CONFIGS / name) for name in PRESETS.get(args.preset, [])]
    paths = [*args.configs, *names]
    if not paths:
        raise ValueError("no config is given; give paths of configs, or --preset paper")
    if args.pictures < 1 or args.threads < 1:
        raise ValueError(
            f"--pictures {args.pictures} --threads {args.threads}: give positive "
            "numbers"
        )
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    record = Record(
        "python " + shlex.join(sys.argv), describe_machine(device), args.json
    )
    pictures = sentences_like_refcoco(args.pictures)
    rows: list[list[Any]] = []
    for path in paths:
        config = load_config(path)
        size = input_size(config)
        model = build_random_model(config, size=size, device=device)
        times = measure(model, pictures, size, Stopwatch(device, args.clock))
        rows.append(row(Path(path).stem, times))
        record.measurements.append({"config": Path(path).stem, **times._asdict()})
        record.save()
        print(markdown(HEAD, rows[-1:]), flush=True)
    if len(rows) > 1:
        print(f"\n{markdown(HEAD, rows)}")
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
