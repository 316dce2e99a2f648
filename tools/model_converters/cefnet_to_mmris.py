"""Converts a checkpoint of CEFNet's released code for a config of CEFNet.

The release builds a wide ResNet-101 and normalises pictures by a layer of its own,
which becomes mean and deviation of the config. The rows of its embedding belong to the
words of a list that is not in the checkpoint: give the list as
``model.text_encoder.vocabulary``, otherwise the embedding starts anew. Nothing in the
file is run.

Example:
    python tools/model_converters/cefnet_to_mmris.py \
        configs/cefnet/cefnet_wr101-gru_1xb12-200k_refcoco-320.py cefnet.pth out.pth
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from mmris.models.fusion_blocks import VanillaCoAttention
from mmris.utils import trusted_checkpoints
from mmris.utils.cefnet_checkpoint import convert_cefnet
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
from mmris.utils.tool_errors import run_tool

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    parser = released_parser("Convert a checkpoint of CEFNet's released code.")
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
    converted = convert_cefnet(weights, model, with_words=has_words(model))
    state = dict(converted.state)
    if has_words(model):
        state["text_encoder._extra_state"] = model.text_encoder.get_extra_state()
    write_converted(args.out, "CEFNet", state)
    print(f"{args.out}: {len(converted.state)} weights of CEFNet")
    for name in converted.left_out:
        known = not name.startswith("textmodel.embedding.")
        reason = "the model has no such part" if known else "its words are not known"
        print(f"left out: {name}, {reason}")
    if has_words(model):
        print(f"words: {len(model.text_encoder.vocabulary)} entries of the config")
    else:
        print(
            "words: none, and no embedding; set model.text_encoder.vocabulary to the "
            "list that the checkpoint was trained with"
        )
    print("pictures: the config needs")
    print(
        'data_preprocessor=dict(type="RefSegDataPreprocessor", '
        f"mean={_rounded(converted.mean)}, std={_rounded(converted.std)}, "
        "bgr_to_rgb=False)"
    )
    print(
        "note: the release takes rows for columns in its coordinates, which differ on "
        "pictures that are not square"
    )
    if any(isinstance(part, VanillaCoAttention) for part in model.modules()):
        print(
            "note: the release's vanilla co-attention normalises over the other axis "
            "than the paper and mmris: masks differ"
        )
    return 0


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert; 2 if something is wrong.

    Args:
        arguments: The words after the program's name; None takes the real ones.
    """
    args = parse_args(arguments)
    return run_tool(lambda: convert(args), debug=args.debug)


if __name__ == "__main__":
    sys.exit(main())
