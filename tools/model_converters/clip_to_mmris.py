"""Converts a checkpoint of OpenAI's CLIP for CLIPResNet and CLIPTextEncoder.

Takes the files that OpenAI publishes (RN50.pt, RN101.pt, RN50x4.pt, RN50x16.pt,
RN50x64.pt), which are TorchScript archives, or the state dict of their model. Nothing
in the file is run. Vision transformers are refused. The result is in float32 and has
both encoders; each part takes its own::

    backbone=dict(type="CLIPResNet", arch="RN101",
        init_cfg=dict(type="Pretrained", checkpoint=OUT, prefix="backbone."))
    text_encoder=dict(type="CLIPTextEncoder", projection_channels=512,
        init_cfg=dict(type="Pretrained", checkpoint=OUT, prefix="text_encoder."))

Example:
    python tools/model_converters/clip_to_mmris.py RN101.pt clip_rn101.pth
"""

from __future__ import annotations

import argparse
import io
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmris.utils import trusted_checkpoints
from mmris.utils.atomic_files import write_atomically
from mmris.utils.clip_checkpoint import convert_clip, read_clip
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Convert a checkpoint of OpenAI's CLIP.", allow_abbrev=False
    )
    parser.add_argument("checkpoint", type=Path, help="file of CLIP, as published")
    parser.add_argument("out", type=Path, help="checkpoint of mmris to write")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace OUT if it is there"
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read a state dict even if that runs code that is in it",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    args = parser.parse_args(arguments)
    if args.out.exists() and not args.overwrite:
        parser.error(f"{args.out} is there already; name another, or say --overwrite")
    return args


def in_config(settings: dict[str, Any]) -> str:
    """Settings as they stand in a config file.

    Args:
        settings: Of one part.
    """
    return "dict(" + ", ".join(f"{key}={value!r}" for key, value in settings.items())


def convert(args: argparse.Namespace) -> int:
    """Convert, and say what became of the weights.

    Args:
        args: Of the command line.
    """
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        weights = read_clip(args.checkpoint)
    converted = convert_clip(weights)
    content = io.BytesIO()
    meta = {"clip": converted.backbone["arch"]}
    torch.save({"meta": meta, "state_dict": converted.state}, content)
    write_atomically(args.out, content.getvalue())
    print(f"{args.out}: {len(converted.state)} weights of CLIP's {meta['clip']}")
    for name, reason in converted.dropped.items():
        print(f"left out: {name}, {reason}")
    print(f"not in CLIP, start anew: {', '.join(converted.new)}")
    for part in ("backbone", "text_encoder"):
        print(
            f"{part}={in_config(getattr(converted, part))}, "
            f'init_cfg=dict(type="Pretrained", checkpoint={str(args.out)!r}, '
            f'prefix="{part}."))'
        )
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
