"""Scores and times an export: ``tools/deployment/score_export.py CONFIG FOLDER``.

The graphs run as they ship, by the program beside them, picture by picture, on the
validation split of the config; the scores are those of tools/test.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData

from mmris.apis import init_model
from mmris.deployment import ExpressionPart, ImagePart, describe_model
from mmris.deployment.graphs import WORDS
from mmris.deployment.torch_session import TorchSession
from mmris.registry import DATASETS, METRICS
from mmris.utils import trusted_checkpoints
from mmris.utils.config import dataset_leaves, load_config
from mmris.utils.config_overrides import KeyValueAction, apply_overrides
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

# At the size of the file, for masks are scored there.
PIPELINE = [
    {"type": "LoadRefImage"},
    {"type": "LoadRefMasks"},
    {"type": "PackRefInputs"},
]
EAGER = "eager"


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Score and time an exported model.", allow_abbrev=False
    )
    parser.add_argument("config", help="config file, whose validation split is used")
    parser.add_argument("folder", type=Path, help="what export.py wrote")
    parser.add_argument(
        "--precision",
        nargs="+",
        default=["float32"],
        help="which graphs: float32, int8; program:float32 and program:bfloat16 for "
        "programs of torch; eager for the model itself, which takes --checkpoint",
    )
    parser.add_argument("--checkpoint", help="for eager: what was exported")
    parser.add_argument(
        "--num-images", type=int, default=50, help="pictures to take (%(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of each (%(default)s)"
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="values to change in the config",
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read the checkpoint even if that runs code that is in it",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    args = parser.parse_args(arguments)
    if EAGER in args.precision and args.checkpoint is None:
        parser.error("--precision eager takes --checkpoint")
    return args


def score(args: argparse.Namespace) -> int:
    """Score and time, and print one line for each kind of graph.

    Args:
        args: Of the command line.
    """
    torch.set_num_threads(args.threads)
    config = load_config(args.config)
    if args.cfg_options:
        apply_overrides(config, args.cfg_options)
    init_default_scope(config.get("default_scope", "mmris"))
    settings = config.val_dataloader.dataset.to_dict()
    for leaf in dataset_leaves(settings):
        leaf["pipeline"] = PIPELINE
    dataset = DATASETS.build(settings)
    for precision in args.precision:
        segment = open_export(args, precision)
        evaluator = Evaluator([METRICS.build(dict(config.val_evaluator))])
        evaluator.dataset_meta = dataset.metainfo
        seconds, count = [], 0
        for item in islice(iter_items(dataset), args.num_images):
            sample = item["data_samples"]
            picture = item["inputs"].numpy()[::-1].transpose(1, 2, 0)
            start = time.process_time()
            found = segment(picture.copy(), sample.expressions)
            seconds.append(time.process_time() - start)
            sample.pred_sem_seg = PixelData(data=torch.from_numpy(found.masks))
            sample.head_logits = PixelData(data=torch.from_numpy(found.head_logits))
            evaluator.process([sample])
            count += 1
        metrics = evaluator.evaluate(count)
        scores = ", ".join(f"{key} {metrics[key]:.2f}" for key in ("oIoU", "mIoU"))
        middle = sorted(seconds)[len(seconds) // 2]
        print(
            f"{precision}: {scores}, {1000 * middle:.1f} ms a picture ({count}), "
            "processor time"
        )
    return 0


def iter_items(dataset: Any) -> Any:
    """The items of a dataset, in order.

    Args:
        dataset: Built.
    """
    return (dataset[index] for index in range(len(dataset)))


def open_export(args: argparse.Namespace, precision: str) -> Any:
    """What segments by graphs of one kind.

    Args:
        args: Of the command line.
        precision: The kind.

    Raises:
        ImportError: ONNX Runtime is not installed.
        ValueError: The folder does not have them.
    """
    try:
        from mmris.deployment.segment_onnx import Segmenter  # noqa: PLC0415  # optional
    except ImportError as error:
        raise ImportError(
            f"running an export takes {error.name}; pip install 'mmris[onnx]'"
        ) from error
    if precision == EAGER:
        with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
            model = init_model(args.config, args.checkpoint, "cpu")
        size = describe_model(model)["input"]["size"]
        return Segmenter(args.folder, sessions=eager_sessions(model, size))
    kind, _, name = precision.partition(":")
    if kind == "program":
        return Segmenter(args.folder, sessions=program_sessions(args.folder, name))
    return Segmenter(args.folder, precision=precision, num_threads=args.threads)


def eager_sessions(model: Any, size: Sequence[int]) -> list[TorchSession]:
    """The two parts of a model itself.

    Args:
        model: In evaluation mode.
        size: ``(H, W)`` of its pictures.
    """
    # Sizes may be among what the parts hand over.
    images = torch.zeros(1, 3, *size)
    with torch.no_grad():
        encoded = model.encode_image(images)
        count = len(ImagePart(model)(images))
    names = [f"encoded_{number}" for number in range(count)]
    return [
        TorchSession(ImagePart(model), ["images"], names),
        TorchSession(ExpressionPart(model, encoded), [*names, *WORDS], ["logits"]),
    ]


def program_sessions(folder: Path, precision: str) -> list[TorchSession]:
    """Programs that were written with --format torch.

    Args:
        folder: Where they are.
        precision: What they compute in.

    Raises:
        ValueError: There are none.
    """
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    entries = description["programs"].get(precision)
    if entries is None:
        raise ValueError(
            f"{folder} has no programs of precision {precision!r}; export with "
            "--format torch, and --bfloat16 for bfloat16"
        )
    return [
        TorchSession(
            torch.export.load(folder / entry["file"]).module(),
            entry["inputs"],
            entry["outputs"],
        )
        for entry in entries
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Score; 2 if something is wrong.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: score(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
