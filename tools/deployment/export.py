"""Exports a model: ``python tools/deployment/export.py CHECKPOINT FOLDER``.

The folder gets the graphs, ``model.json`` with all that a program has to know, the
words of the model, and ``segment_onnx.py``, which needs neither torch nor mmris.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import mmris.deployment
from mmris.apis import init_model
from mmris.deployment import describe_model, export_model, onnx_bytes, write_tokenizer
from mmris.deployment.comparison import Difference, check_differences, compare
from mmris.deployment.model_folder import DESCRIPTION
from mmris.deployment.quantisation import quantised
from mmris.deployment.torch_session import TorchSession
from mmris.utils import trusted_checkpoints
from mmris.utils.atomic_files import write_atomically
from mmris.utils.quiet_log import without_notes
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.deployment import Graph
    from mmris.models import RefSegmentor

SCRIPT = "segment_onnx.py"


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Export a model as ONNX, or as programs of torch.export.",
        allow_abbrev=False,
    )
    parser.add_argument("checkpoint", help="checkpoint of a trained model")
    parser.add_argument("folder", type=Path, help="where everything goes")
    parser.add_argument(
        "--config", help="config file; the one in the checkpoint if not given"
    )
    parser.add_argument(
        "--parts",
        choices=("split", "whole"),
        default="split",
        help="split: one graph for the picture, which runs once, and one for its "
        "expressions; whole: one graph for all (%(default)s)",
    )
    parser.add_argument(
        "--format",
        nargs="+",
        choices=("onnx", "torch"),
        default=["onnx"],
        help="what to write: ONNX, programs of torch.export, or both",
    )
    parser.add_argument(
        "--any-image-size",
        action="store_true",
        help="take pictures of other sizes than the config's",
    )
    parser.add_argument(
        "--int8", action="store_true", help="write ONNX with int8 weights as well"
    )
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="with --format torch, write programs that compute in bfloat16 as well",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an export that is there"
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
    if (args.folder / DESCRIPTION).exists() and not args.overwrite:
        parser.error(
            f"{args.folder} has an export already; name another folder, or say "
            "--overwrite"
        )
    if args.int8 and "onnx" not in args.format:
        parser.error("--int8 is for ONNX; add onnx to --format")
    if args.bfloat16 and "torch" not in args.format:
        parser.error("--bfloat16 is for programs of torch; add torch to --format")
    return args


def export(args: argparse.Namespace) -> int:
    """Export, compare with the model, and write.

    Args:
        args: Of the command line.
    """
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        model = init_model(args.config, args.checkpoint, "cpu")
    description = describe_model(model)
    size = (description["input"]["size"][0], description["input"]["size"][1])
    sizes = [size, (size[0] * 2, size[1] + 32)] if args.any_image_size else [size]
    graphs = export_model(
        model, size=size, parts=args.parts, any_size=args.any_image_size
    )
    files: dict[str, bytes] = {}
    description["graphs"], description["programs"] = {}, {}
    if "onnx" in args.format:
        add_onnx(model, graphs, sizes, files, description, int8=args.int8)
        script = Path(mmris.deployment.__file__).with_name(SCRIPT)
        files[SCRIPT] = script.read_bytes()
    if "torch" in args.format:
        worst = check_differences(compare(model, in_torch(graphs), sizes))
        say("torch.export", worst)
        add_programs(graphs, "float32", files, description)
    if args.bfloat16:
        shorter = export_model(
            model,
            size=size,
            parts=args.parts,
            any_size=args.any_image_size,
            bfloat16=True,
        )
        add_programs(shorter, "bfloat16", files, description)
    args.folder.mkdir(parents=True, exist_ok=True)
    description["tokenizer"] = write_tokenizer(model, args.folder)
    for name, content in files.items():
        write_atomically(args.folder / name, content)
        print(f"wrote {args.folder / name}, {len(content) / 1e6:.1f} MB")
    # Last: a folder without it is no export.
    text = json.dumps(description, indent=2)
    write_atomically(args.folder / DESCRIPTION, text.encode())
    print(f"wrote {args.folder / DESCRIPTION}")
    return 0


def add_onnx(
    model: RefSegmentor,
    graphs: Sequence[Graph],
    sizes: Sequence[tuple[int, int]],
    files: dict[str, bytes],
    description: dict[str, Any],
    *,
    int8: bool,
) -> None:
    """Convert graphs, compare them with the model, and keep them.

    Args:
        model: The model.
        graphs: Its graphs.
        sizes: Of the pictures to compare on.
        files: Contents by name, added to.
        description: Of the export, added to.
        int8: Whether to quantise them as well.

    Raises:
        ImportError: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime  # noqa: PLC0415  # optional
    except ImportError as error:
        raise ImportError(
            "comparing ONNX with the model takes onnxruntime; pip install 'mmris[onnx]'"
        ) from error
    contents = {graph.name: onnx_bytes(graph) for graph in graphs}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: unused constants are no news
    sessions = [
        onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        for content in contents.values()
    ]
    worst = check_differences(compare(model, sessions, sizes))
    say("ONNX Runtime", worst)
    description["largest_difference"] = {"logit": worst.largest, "scale": worst.scale}
    names = {f"{name}.onnx": content for name, content in contents.items()}
    files.update(names)
    description["graphs"]["float32"] = list(names)
    if int8:
        short = {f"{n}.int8.onnx": quantised(c) for n, c in contents.items()}
        files.update(short)
        description["graphs"]["int8"] = list(short)


def add_programs(
    graphs: Sequence[Graph],
    precision: str,
    files: dict[str, bytes],
    description: dict[str, Any],
) -> None:
    """Keep graphs as programs of torch.

    Args:
        graphs: Of a model.
        precision: What they compute in.
        files: Contents by name, added to.
        description: Of the export, added to.
    """
    entries = []
    for graph in graphs:
        buffer = io.BytesIO()
        with without_notes():
            torch.export.save(graph.program, buffer)
        suffix = "" if precision == "float32" else f".{precision}"
        name = f"{graph.name}{suffix}.pt2"
        files[name] = buffer.getvalue()
        entries.append({"file": name, "inputs": graph.inputs, "outputs": graph.outputs})
    description["programs"][precision] = entries


def in_torch(graphs: Sequence[Graph]) -> list[TorchSession]:
    """Graphs to be called by names.

    Args:
        graphs: Of a model.
    """
    return [
        TorchSession(graph.program.module(), graph.inputs, graph.outputs)
        for graph in graphs
    ]


def say(what: str, worst: Difference) -> None:
    """Say how far graphs are from the model.

    Args:
        what: Who ran them.
        worst: The largest difference.
    """
    print(
        f"{what} and the model differ by {worst.largest:.1e} at most, in logits of up "
        f"to {worst.scale:.3g}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Export; 2 if something is wrong.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: export(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
