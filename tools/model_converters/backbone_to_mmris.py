"""Converts a checkpoint of another library for the backbone of a config.

Takes checkpoints of torchvision (ResNet, ResNeXt, wide ResNet, ConvNeXt, Swin, and the
DeepLab v3 and FCN models around a ResNet), of mmseg and mmpretrain, of DeepLab v2 and
v3+ for PyTorch, and of the original Swin. Nothing in the file is run. What the backbone
has no place for is left out and named; if anything of the backbone is missing, nothing
is written. The result goes into the config::

    backbone=dict(..., init_cfg=dict(type="Pretrained", checkpoint=OUT))

Example:
    python tools/model_converters/backbone_to_mmris.py \
        configs/cmsa/cmsa_r101-embedding_1xb1-800k_refcoco-320.py deeplab.pth out.pth
"""

from __future__ import annotations

import argparse
import io
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.registry import init_default_scope

from mmris.registry import MODELS
from mmris.utils import load_checkpoint_file, trusted_checkpoints
from mmris.utils.atomic_files import write_atomically
from mmris.utils.backbone_checkpoint import convert_backbone, to_float32
from mmris.utils.checkpoint_fit import state_of
from mmris.utils.config import load_config
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Convert a checkpoint of another library for the backbone of a "
        "config.",
        allow_abbrev=False,
    )
    parser.add_argument("config", help="config file with the backbone")
    parser.add_argument("checkpoint", type=Path, help="checkpoint of the library")
    parser.add_argument("out", type=Path, help="checkpoint of the backbone to write")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace OUT if it is there"
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
    if args.out.exists() and not args.overwrite:
        parser.error(f"{args.out} is there already; name another, or say --overwrite")
    return args


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint, whatever it keeps them under.

    Args:
        path: Its file.

    Raises:
        ValueError: It has none.
    """
    contents: Any = load_checkpoint_file(path)
    for key in ("model", "state_dict"):
        if isinstance(contents.get(key), dict):
            contents = contents[key]
    found = {
        name: value
        for name, value in state_of(contents).items()
        if torch.is_tensor(value)
    }
    if not found:
        raise ValueError(
            f"{path} has no tensors, neither at its top nor under state_dict or model; "
            "give a checkpoint"
        )
    return to_float32(found)


def convert(args: argparse.Namespace) -> int:
    """Convert, and say what became of the weights.

    Args:
        args: Of the command line.

    Raises:
        ValueError: The config has no backbone.
    """
    config = load_config(args.config)
    settings = (config.get("model") or {}).get("backbone")
    if settings is None:
        raise ValueError(
            f"{args.config} has no model.backbone; give the config of a method"
        )
    init_default_scope(config.get("default_scope", "mmris"))
    # Without its own weights: they would be fetched, only to be compared by name.
    backbone = MODELS.build({**settings, "init_cfg": None})
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        weights = read_weights(args.checkpoint)
    converted = convert_backbone(weights, backbone)
    content = io.BytesIO()
    meta = {"layout": converted.layout}
    torch.save({"meta": meta, "state_dict": converted.state}, content)
    write_atomically(args.out, content.getvalue())
    print(
        f"{args.out}: {len(converted.state)} weights of {settings['type']}, which had "
        f"the names of {converted.layout}"
    )
    for group, (count, reason) in converted.left_out.items():
        print(f"left out: {count} weights of {group}, {reason}")
    for name, reason in converted.new.items():
        print(f"not in the checkpoint, starts anew: {name}, {reason}")
    if converted.note:
        print(f"note: {converted.note}")
    print(f'init_cfg=dict(type="Pretrained", checkpoint={str(args.out)!r})')
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert; 2 if something is wrong.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: convert(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
