"""Time and memory of every part of a model, in inference, float32, on the CPU.

Weights and inputs are random: a picture of the input size that the config's
test_pipeline has, and sentences of as many words as asked for. For each part of the
chain the table has the median time, the growth of the resident set while it runs (what
it returns included; Linux only) and the largest single tensor that any operation inside
gives. MB are 10^6 bytes.

Example:
    python tools/analysis_tools/measure_parts.py \
        configs/cmpc/cmpc_r101-lstm_1xb1-800k_refcoco-320.py --words 20
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from mmengine.registry import init_default_scope

from mmris.benchmark import input_size
from mmris.registry import MODELS
from mmris.structures import TextFeatures
from mmris.utils.config import load_config
from mmris.utils.peak_memory import LargestTensor, peak_growth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmris.models import RefSegmentor


class Measured(NamedTuple):
    """One row of the table.

    Attributes:
        part: Its name.
        milliseconds: Median time of a call.
        megabytes: Growth of the resident set.
        largest: Shape of the largest tensor.
        largest_megabytes: Its size.
    """

    part: str
    milliseconds: float
    megabytes: float
    largest: tuple[int, ...]
    largest_megabytes: float


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Measure time and memory of every part of a model.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("config", help="path of a config")
    parser.add_argument("--words", type=int, default=20, help="of each expression")
    parser.add_argument("--expressions", type=int, default=1, help="of the picture")
    parser.add_argument("--repeats", type=int, default=3, help="of the timed call")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


def random_text(model: RefSegmentor, expressions: int, words: int) -> TextFeatures:
    """What the text encoder might give for sentences without padding.

    Args:
        model: The model.
        expressions: Number of sentences.
        words: Words of each.
    """
    spec = model.text_encoder.spec
    return TextFeatures(
        torch.randn(expressions, words, spec.token_channels),
        torch.ones(expressions, words, dtype=torch.bool),
        torch.randn(expressions, spec.sentence_channels),
    )


def measure(part: str, call: Callable[[], Any], repeats: int) -> tuple[Measured, Any]:
    """One row of the table, and what the call gives.

    Args:
        part: Name of the row.
        call: What is measured.
        repeats: How often it is timed.
    """
    with LargestTensor() as seen:
        result = call()  # also loads libraries and fills caches
    del result
    kept: list[Any] = []
    megabytes = peak_growth(lambda: kept.append(call()))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    row = Measured(
        part, statistics.median(times), megabytes, seen.shape, seen.megabytes
    )
    return row, kept[0]


@torch.inference_mode()
def measure_parts(args: argparse.Namespace) -> list[Measured]:
    """Run the chain part by part.

    Args:
        args: The command line.
    """
    init_default_scope("mmris")
    config = load_config(args.config)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model: RefSegmentor = MODELS.build(config.model).eval()
    picture = torch.randn(1, 3, *input_size(config))
    text = random_text(model, args.expressions, args.words)
    index = torch.zeros(args.expressions, dtype=torch.int64)
    encode, encoded = measure(
        "backbone and image part of the neck",
        lambda: model.encode_image(picture),
        args.repeats,
    )
    neck, fused = measure(
        "expression part of the neck",
        lambda: model.neck.decode(model.backbone, encoded, text, index),
        args.repeats,
    )
    head, _ = measure(
        "decode head", lambda: model.decode_head(fused).logits, args.repeats
    )
    return [encode, neck, head]


def table(rows: Sequence[Measured]) -> str:
    """The numbers as Markdown.

    Args:
        rows: From :func:`measure_parts`.
    """
    lines = ["| part | time | memory | largest tensor | |", "|---|---|---|---|---|"]
    for row in rows:
        shape = " x ".join(map(str, row.largest))
        lines.append(
            f"| {row.part} | {row.milliseconds:.0f} ms | {row.megabytes:.0f} MB | "
            f"{shape} | {row.largest_megabytes:.1f} MB |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    print(table(measure_parts(parse_args(arguments))))


if __name__ == "__main__":
    main()
