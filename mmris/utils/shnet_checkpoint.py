"""Turns checkpoints of SHNet's released code into those of the same model here.

The names and shapes are those of the release; the numbers stay, but that attention
keeps the matrices of queries, keys and values in one, which is cut into three.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .backbone_checkpoint import to_float32
from .released_checkpoint import WORDS, check_fit, renamed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

_HEAD = "decode_head."
_READER = "text_encoder.recurrence.forward_layers."
_DECODER = f"{_HEAD}mask_decoder."
# Patterns of the release, each with what takes its place here.
_RULES = (
    (r"text_encoder\.lstm\.(\w+)_l(\d+)$", rf"{_READER}\2.\1_l0"),
    (r"conv_3x3\.layer2\.", "neck.levels.0."),
    (r"conv_3x3\.layer3\.", "neck.levels.1."),
    (r"conv_3x3\.layer4\.", "neck.levels.2."),
    (r"sfm\.layers\.(\d+)\.self_attn\.out_proj\.", r"neck.layers.\1.output."),
    (r"sfm\.layers\.(\d+)\.norm1\.", r"neck.layers.\1.norm."),
    (r"sfm\.layers\.(\d+)\.norm2\.", r"neck.layers.\1.ffn.0."),
    (r"sfm\.layers\.(\d+)\.linear1\.", r"neck.layers.\1.ffn.1."),
    (r"sfm\.layers\.(\d+)\.linear2\.", r"neck.layers.\1.ffn.4."),
    (r"sfm\.norm\.", "neck.norm."),
    (r"hcam\.conv_1\.", f"{_HEAD}exchange.0."),
    (r"hcam\.conv_2\.", f"{_HEAD}exchange.1."),
    (r"hcam\.conv_3\.", f"{_HEAD}exchange.2."),
    (r"hcam\.conv_3d\.", f"{_HEAD}aggregation."),
    (r"aspp_decoder\.convs\.4\.1\.", f"{_DECODER}aspp.pooled.conv."),
    (r"aspp_decoder\.convs\.4\.2\.", f"{_DECODER}aspp.pooled.bn."),
    (r"aspp_decoder\.convs\.(\d)\.0\.", rf"{_DECODER}aspp.branches.\1.conv."),
    (r"aspp_decoder\.convs\.(\d)\.1\.", rf"{_DECODER}aspp.branches.\1.bn."),
    (r"aspp_decoder\.project\.0\.", f"{_DECODER}aspp.mix.conv."),
    (r"aspp_decoder\.project\.1\.", f"{_DECODER}aspp.mix.bn."),
    (r"mask_decoder\.deconv1\.", f"{_DECODER}upsample.0.0."),
    (r"mask_decoder\.deconv2\.", f"{_DECODER}upsample.1.0."),
    (r"mask_decoder\.deconv3\.", f"{_DECODER}refine.0."),
    (r"mask_decoder\.mask_deconv\.3\.", f"{_DECODER}score."),
    (r"mask_decoder\.mask_deconv\.", f"{_DECODER}refine.2."),
)  # fmt: skip
# What is numbered there (convolution, normalisation) and named here.
_NUMBERED = (
    (r"(neck\.levels\.\d|decode_head\.aggregation)\.0\.", r"\1.conv."),
    (r"(neck\.levels\.\d|decode_head\.aggregation)\.1\.", r"\1.norm."),
    (r"decode_head\.exchange\.(\d)\.0\.", r"decode_head.exchange.convs.\1."),
    (r"decode_head\.exchange\.(\d)\.1\.", r"decode_head.exchange.norms.\1."),
)
_JOINT = re.compile(r"sfm\.layers\.(\d+)\.self_attn\.in_proj_(weight|bias)$")
# Of a later state of the release, in which each level has attention of its own.
_LATER = ("transformer_encoder.", "cmmlf.")
_NOT_THERE = {
    "backbone": "frozen in the release, which keeps its weights elsewhere",
    "text_encoder": "words and their GloVe vectors, which the release reads from files",
}


@dataclass(frozen=True)
class ConvertedSHNet:
    """Weights in the names of a model.

    Attributes:
        state: The weights.
        left_out: Names of the release that the model has no place for.
        absent: Parts of the model of which the release has nothing, with the reason.
    """

    state: dict[str, Tensor]
    left_out: tuple[str, ...]
    absent: Mapping[str, str]


def convert_shnet(weights: Mapping[str, Tensor], model: nn.Module) -> ConvertedSHNet:
    """Rename the weights of a released SHNet and check that the model gets all of them.

    Args:
        weights: By the names of the release; ``module.`` before them is taken off.
        model: Built from a config of the released form; its numbers are not looked at.

    Returns:
        The weights; those of backbone and words are not among them.

    Raises:
        ValueError: They are none of SHNet's, of another state of its code, or of
            another shape than the model's.
    """
    plain = {name.removeprefix("module."): value for name, value in weights.items()}
    if any(name.startswith(_LATER) for name in plain):
        raise ValueError(
            "the checkpoint is of a later state of SHNet's code, in which each level "
            "has attention weights of its own and grids are made otherwise; such a "
            "model is not built here. Convert one with the parts sfm and hcam"
        )
    known = model.state_dict()
    state: dict[str, Tensor] = {}
    left_out = []
    for name, weight in to_float32(plain).items():
        ours = _ours(name, weight)
        if ours.keys() <= known.keys():
            state.update(ours)
        else:
            left_out.append(name)
    if not state:
        raise ValueError(
            "the checkpoint has none of SHNet's names (conv_3x3, sfm, hcam, "
            "aspp_decoder, mask_decoder); give one that SHNet's code wrote"
        )
    check_fit(
        model,
        state,
        elsewhere=("backbone.", *WORDS),
        system="SHNet",
        remedy="Give a config of the released form, such as "
        "configs/shnet/shnet-released_dlv3p-r101-lstm_1xb32-113k_refcoco-320.py, with "
        "the checkpoint's num_layers, ffn_channels and channels",
    )
    return ConvertedSHNet(state, tuple(left_out), dict(_NOT_THERE))


def _ours(name: str, weight: Tensor) -> dict[str, Tensor]:
    """A weight by its new name; the three of a joint one by theirs."""
    joint = _JOINT.match(name)
    if joint is not None:
        parts = ("query", "key", "value")
        return {
            f"neck.layers.{joint[1]}.{part}.{joint[2]}": rows.contiguous()
            for part, rows in zip(parts, weight.chunk(3), strict=True)
        }
    return {renamed(name, _RULES, _NUMBERED): weight}
