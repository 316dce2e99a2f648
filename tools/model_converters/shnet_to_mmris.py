"""Converts a checkpoint of SHNet's released code for a config of its released form.

The release keeps neither the frozen backbone nor the words in its checkpoints. The
backbone's weights are given beside it, as backbone_to_mmris.py writes them. The words
are in the result if the config names them (``model.text_encoder.vocabulary``, and
``word_vectors`` for their GloVe vectors); otherwise they come from the training
sentences when the result is trained on (``tools/train.py CONFIG --load-from OUT``).
Nothing in the files is run.

Example:
    python tools/model_converters/shnet_to_mmris.py \
        configs/shnet/shnet-released_dlv3p-r101-lstm_1xb32-113k_refcoco-320.py \
        shnet.pth out.pth --backbone backbone.pth
"""

from __future__ import annotations

import argparse
import io
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from mmengine.registry import init_default_scope

from mmris.models import WordTextEncoder
from mmris.registry import MODELS
from mmris.utils import load_checkpoint_file, trusted_checkpoints
from mmris.utils.atomic_files import write_atomically
from mmris.utils.backbone_checkpoint import convert_backbone
from mmris.utils.checkpoint_fit import state_of
from mmris.utils.config import load_config
from mmris.utils.config_overrides import KeyValueAction, apply_overrides
from mmris.utils.shnet_checkpoint import convert_shnet
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmengine.config import Config
    from torch import nn


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(
        description="Convert a checkpoint of SHNet's released code.",
        allow_abbrev=False,
    )
    parser.add_argument("config", help="config of SHNet's released form")
    parser.add_argument("checkpoint", type=Path, help="checkpoint of the release")
    parser.add_argument("out", type=Path, help="checkpoint of mmris to write")
    parser.add_argument(
        "--backbone",
        type=Path,
        required=True,
        metavar="FILE",
        help="weights of the frozen backbone, which are not in the checkpoint",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=KeyValueAction,
        metavar="KEY=VALUE",
        help="change values of the config, such as model.text_encoder.vocabulary=FILE",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace OUT if it is there"
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="read the checkpoints even if that runs code that is in them",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of every error"
    )
    args = parser.parse_args(arguments)
    if args.out.exists() and not args.overwrite:
        parser.error(f"{args.out} is there already; name another, or say --overwrite")
    return args


def build_model(cfg: Config) -> nn.Module:
    """The model, with words if the config names them, else without weights.

    Args:
        cfg: Its config; the backbone's own weights are not fetched.
    """
    init_default_scope(cfg.get("default_scope", "mmris"))
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    model.text_encoder.init_weights()  # reads the vectors of the words
    return model


def convert(args: argparse.Namespace) -> int:
    """Convert, and say what became of the weights.

    Args:
        args: Of the command line.
    """
    cfg = load_config(args.config)
    if args.cfg_options is not None:
        apply_overrides(cfg, args.cfg_options)
    model = build_model(cfg)
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        weights = _tensors(args.checkpoint)
        backbone = convert_backbone(_tensors(args.backbone), model.backbone)
    converted = convert_shnet(weights, model)
    state = {f"backbone.{name}": value for name, value in backbone.state.items()}
    state |= converted.state
    encoder = model.text_encoder
    has_words = isinstance(encoder, WordTextEncoder) and not encoder.vocabulary.is_empty
    if has_words:
        own = encoder.state_dict(prefix="text_encoder.")
        state = {**own, **state}
    content = io.BytesIO()
    torch.save({"meta": {"layout": "SHNet"}, "state_dict": state}, content)
    write_atomically(args.out, content.getvalue())
    print(
        f"{args.out}: {len(converted.state)} weights of SHNet, "
        f"{len(backbone.state)} of the backbone"
    )
    for name in converted.left_out:
        print(f"left out: {name}, the model has no such part")
    for part, reason in converted.absent.items():
        print(f"not in SHNet's checkpoint: {part}, {reason}")
    if has_words:
        print(f"words: {len(encoder.vocabulary)} entries, those of the config")
    else:
        print(
            "words: none; they come from the training sentences, or set "
            "model.text_encoder.vocabulary"
        )
    print(
        "note: the release aligns corners where it resizes, drops words that are not "
        "letters only, and scores at 160x160; masks differ a little"
    )
    return 0


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint.

    Args:
        path: Its file.

    Raises:
        ValueError: It has none.
    """
    contents = state_of(load_checkpoint_file(path))
    found = {name: value for name, value in contents.items() if torch.is_tensor(value)}
    if not found:
        raise ValueError(
            f"{path} has no tensors, neither at its top nor under state_dict; give a "
            "checkpoint"
        )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert; 2 if something is wrong.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: convert(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
