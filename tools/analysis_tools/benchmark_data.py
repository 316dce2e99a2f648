"""Speed of a config's data loading against bare decoding and resizing.

Bare is what nobody can leave out: OpenCV reads the picture, pycocotools decodes the
mask of each reference once, and OpenCV resizes the picture and the mask of each
expression. The dataset does the same with everything else: finding the item, its draws,
its checks, its other transforms, the packing. Both do the same items, in turns, in one
process with one thread; processor time, which other programs disturb least.

The table has each step of the pipeline as well. A loader with N workers gives N times
the items a second, as long as there are as many cores.

Example:
    python tools/analysis_tools/benchmark_data.py \
        configs/cmsa/cmsa_r101-embedding_1xb1-800k_refcoco-320.py --items 200
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from pycocotools import mask as coco_mask

from mmris.benchmark import Stopwatch
from mmris.registry import DATASETS, TRANSFORMS
from mmris.utils.config import load_config
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmengine.config import Config

Pipeline = list[tuple[str, "Callable[[Any], Any]"]]


class DataTimes(NamedTuple):
    """Milliseconds of processor time, of each item.

    Attributes:
        steps: By name, in order: ``"item"`` (record and draws), then the transforms.
        whole: The dataset, all of it.
        bare: Bare decoding and resizing.
        expressions: Expressions of all items.
    """

    steps: dict[str, list[float]]
    whole: list[float]
    bare: list[float]
    expressions: int

    @property
    def share(self) -> float:
        """Speed of the dataset in parts of that of bare decoding."""
        return sum(self.bare) / sum(self.whole)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Measure data loading against bare decoding and resizing."
    )
    parser.add_argument("config", help="path of a config")
    parser.add_argument("--split", choices=("train", "val", "test"), default="train")
    parser.add_argument("--items", type=int, default=100, help="the first so many")
    parser.add_argument("--rounds", type=int, default=3, help="over all of them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write times there")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        metavar="KEY=VALUE",
        help="change values of the config",
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser.parse_args(arguments)


def bare_item(item: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Decode and resize an item's picture and masks, and nothing else.

    Args:
        item: What the pipeline receives.
        size: (height, width) to resize to.

    Returns:
        ``(K, H, W)`` uint8, the masks.
    """
    height, width = item["height"], item["width"]
    image = cv2.imread(item["img_path"])
    cv2.resize(image, size[::-1])
    masks = []
    for segmentations in item["segmentations"]:
        runs = [
            part
            for segmentation in segmentations
            for part in _runs(segmentation, height, width)
        ]
        empty = np.zeros((height, width), np.uint8)
        masks.append(coco_mask.decode(coco_mask.merge(runs)) if runs else empty)
    return np.stack(
        [
            cv2.resize(masks[number], size[::-1], interpolation=cv2.INTER_NEAREST)
            for number in item["mask_index"]
        ]
    )


def _runs(segmentation: Any, height: int, width: int) -> list[Any]:
    if isinstance(segmentation, list):
        runs: list[Any] = coco_mask.frPyObjects(segmentation, height, width)
        return runs
    if isinstance(segmentation.get("counts"), list):
        return [coco_mask.frPyObjects(segmentation, height, width)]
    return [segmentation]


def measure(
    dataset: Any, pipeline: Pipeline, size: tuple[int, int], items: int, rounds: int
) -> DataTimes:
    """Time the dataset, its steps and bare decoding, item by item.

    Args:
        dataset: A dataset without pipeline.
        pipeline: Its transforms, by name.
        size: (height, width) to resize to.
        items: How many are measured.
        rounds: How often each of them is.
    """
    watch = Stopwatch(torch.device("cpu"), "processor")
    steps: dict[str, list[float]] = {name: [] for name in ["item", *dict(pipeline)]}
    whole: list[float] = []
    bare: list[float] = []
    expressions = 0
    for number in range(-1, rounds * items):  # number -1 warms up
        watch.mark()
        result = item = dataset[max(number, 0) % items]
        watch.mark()
        for _, transform in pipeline:
            # Transforms change what they are given; bare decoding needs the item.
            result = transform(dict(result) if result is item else result)
            watch.mark()
        times = watch.read()
        watch.mark()
        bare_item(item, size)
        watch.mark()
        (bare_time,) = watch.read()
        if number < 0:
            continue
        for times_of_step, time in zip(steps.values(), times, strict=True):
            times_of_step.append(time)
        whole.append(sum(times))
        bare.append(bare_time)
        expressions += len(item["expressions"])
    return DataTimes(steps, whole, bare, expressions)


def build(config: Config, split: str) -> tuple[Any, Pipeline, tuple[int, int]]:
    """Build a split's dataset without pipeline, and its pipeline.

    Args:
        config: The config.
        split: "train", "val" or "test".

    Returns:
        Dataset, transforms by name, and (height, width) that pictures are resized to.

    Raises:
        ValueError: The dataset makes its pictures itself, or has no RefResize.
    """
    settings = copy.deepcopy(config[f"{split}_dataloader"]["dataset"])
    transforms = settings.pop("pipeline", [])
    sizes = [entry["size"] for entry in transforms if entry["type"] == "RefResize"]
    if not sizes:
        raise ValueError(
            f"{split}_dataloader.dataset.pipeline has no RefResize, so that nothing "
            "says what to resize to. Choose a config with one"
        )
    dataset = DATASETS.build({**settings, "pipeline": []})
    if "img" in dataset[0]:
        raise ValueError(
            f"{type(dataset).__name__} ({split}_dataloader.dataset) makes its pictures "
            "itself: there is nothing to decode. Write them to disk first, with "
            "tools/dataset_tools/write_shapes.py"
        )
    pipeline = [(entry["type"], TRANSFORMS.build(entry)) for entry in transforms]
    return dataset, pipeline, tuple(sizes[0])


def table(times: DataTimes) -> str:
    """The result as text.

    Args:
        times: The measured ones.
    """
    rows = [*times.steps.items(), ("whole", times.whole), ("bare", times.bare)]
    lines = ["| step | ms an item, median |", "| --- | --- |"]
    lines += [f"| {name} | {statistics.median(values):.2f} |" for name, values in rows]
    count = len(times.whole)
    speed = 1000 * count / sum(times.whole)
    return "\n".join(
        [
            *lines,
            "",
            f"{count} items, {times.expressions / count:.2f} expressions an item: "
            f"{speed:.0f} items ({speed * times.expressions / count:.0f} expressions) "
            f"a second and core, {100 * times.share:.0f} % of the speed of bare "
            "decoding and resizing",
        ]
    )


def run(args: argparse.Namespace) -> int:
    """Measure and print.

    Args:
        args: The command line.

    Raises:
        ValueError: An option is out of its range, or the dataset has no files.
    """
    if args.items < 1 or args.rounds < 1:
        raise ValueError(
            f"--items {args.items} --rounds {args.rounds}: give positive numbers"
        )
    config = load_config(args.config)
    config.merge_from_dict(args.cfg_options or {})
    init_default_scope("mmris")
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    dataset, pipeline, size = build(config, args.split)
    items = min(args.items, len(dataset))
    times = measure(dataset, pipeline, size, items, args.rounds)
    print(table(times))
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        content = {**times._asdict(), "share": times.share}
        args.json.write_text(json.dumps(content), encoding="utf-8")
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
