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

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mmris.utils import trusted_checkpoints
from mmris.utils.backbone_checkpoint import convert_backbone
from mmris.utils.config import load_config
from mmris.utils.config_overrides import apply_overrides
from mmris.utils.released_checkpoint import (
    build_bare_model,
    has_words,
    parse_released,
    read_tensors,
    released_parser,
    write_converted,
)
from mmris.utils.shnet_checkpoint import convert_shnet
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = released_parser("Convert a checkpoint of SHNet's released code.")
    parser.add_argument(
        "--backbone",
        type=Path,
        required=True,
        metavar="FILE",
        help="weights of the frozen backbone, which are not in the checkpoint",
    )
    return parse_released(parser, arguments)


def convert(args: argparse.Namespace) -> int:
    """Convert, and say what became of the weights.

    Args:
        args: Of the command line.
    """
    cfg = load_config(args.config)
    if args.cfg_options is not None:
        apply_overrides(cfg, args.cfg_options)
    model = build_bare_model(cfg)
    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        weights = read_tensors(args.checkpoint)
        backbone = convert_backbone(read_tensors(args.backbone), model.backbone)
    converted = convert_shnet(weights, model)
    state = {f"backbone.{name}": value for name, value in backbone.state.items()}
    state |= converted.state
    encoder = model.text_encoder
    if has_words(model):
        own = encoder.state_dict(prefix="text_encoder.")
        state = {**own, **state}
    write_converted(args.out, "SHNet", state)
    print(
        f"{args.out}: {len(converted.state)} weights of SHNet, "
        f"{len(backbone.state)} of the backbone"
    )
    for name in converted.left_out:
        print(f"left out: {name}, the model has no such part")
    for part, reason in converted.absent.items():
        print(f"not in SHNet's checkpoint: {part}, {reason}")
    if has_words(model):
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert; 2 if something is wrong.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: convert(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
