"""Turns checkpoints of other libraries into those of a backbone of a config.

Nothing but names and the order of some channels differs: the numbers stay.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .checkpoint_fit import CheckpointFit, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_COUNTERS = "num_batches_tracked"
# What wrappers and whole models put before the names of a backbone.
_PREFIXES = ("module.", "model.", "base.", "backbone.")
_MOST_PREFIXES = 4
# Not weights of other models' backbones, and never missed: it is computed.
_COMPUTED = "relative_position_index"
# The norm after each stage; others have one, before their classifier.
_OUTPUT_NORMS = re.compile(r"norm\d\.")
_REASONS = (
    (r"(fc|head|heads|classifier)\.", "the classifier of the pretraining"),
    (
        r"(decode_head|aux_classifier|auxiliary_head|decoder|aspp)\.",
        "a segmentation head",
    ),
    (r"norm\.", "the norm before the classifier"),
    (r"(neck|text_encoder|losses)\.", "no part of a backbone"),
)


@dataclass(frozen=True)
class Layout:
    """How another library names the weights of a backbone.

    Attributes:
        name: Whose names they are.
        mark: Tells a name that nobody else uses.
        rules: Patterns, each with what takes its place; the first that matches counts.
        reorder: Puts the channels of a weight, by its new name, into our order.
        note: What the weights do not say of the architecture; may be empty.
    """

    name: str
    mark: str
    rules: Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]
    reorder: Callable[[str, Tensor], Tensor] = lambda name, weight: weight
    note: str = ""


@dataclass(frozen=True)
class ConvertedBackbone:
    """Weights in the names of a backbone.

    Attributes:
        state: The weights.
        layout: Whose names they had.
        left_out: Groups of weights that the backbone has no place for, how many and
            why.
        new: Names of the backbone that start anew, with the reason.
        note: What the weights do not say.
    """

    state: dict[str, Tensor]
    layout: str
    left_out: Mapping[str, tuple[int, str]]
    new: Mapping[str, str]
    note: str


def convert_backbone(
    weights: Mapping[str, Tensor], backbone: nn.Module
) -> ConvertedBackbone:
    """Rename weights and check that the backbone gets all of its own.

    Args:
        weights: By the names of torchvision, mmseg, mmpretrain or a DeepLab.
        backbone: Built from a config; its own numbers are not looked at.

    Returns:
        The weights that it takes.

    Raises:
        ValueError: No known names, or weights of the backbone are missing or of another
            shape.
    """
    known = set(backbone.state_dict())
    plain = _without_prefixes(weights)
    layout = next(
        (one for one in LAYOUTS if any(re.match(one.mark, name) for name in plain)),
        _OWN_NAMES,
    )
    state, others = {}, []
    for name, weight in plain.items():
        renamed = _rename(name, layout)
        if renamed in known and not renamed.endswith(_COMPUTED):
            state[renamed] = layout.reorder(renamed, weight).contiguous()
        elif not name.endswith((_COUNTERS, _COMPUTED, "attn_mask")):
            others.append(name)
    _check(compare(backbone, state), layout)
    new = {
        name: "computed" if name.endswith(_COMPUTED) else "only mmris has it"
        for name in compare(backbone, state).missing
    }
    return ConvertedBackbone(state, layout.name, _grouped(others), new, layout.note)


def _without_prefixes(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without what a wrapper, or a model around the backbone, put before them.

    The other parts of a model keep their names.
    """
    named = dict(weights)
    for _ in range(_MOST_PREFIXES):
        found = next(
            (p for p in _PREFIXES if any(name.startswith(p) for name in named)), None
        )
        if found is None:
            break
        named = {name.removeprefix(found): value for name, value in named.items()}
    return named


def _rename(name: str, layout: Layout) -> str:
    for pattern, replacement in layout.rules:
        if re.match(pattern, name):
            return re.sub(f"^{pattern}", replacement, name)
    return name


def _check(fit: CheckpointFit, layout: Layout) -> None:
    lacking = tuple(
        name
        for name in fit.missing
        if not name.endswith(_COMPUTED) and not _OUTPUT_NORMS.match(name)
    )
    if not lacking and not fit.reshaped:
        return
    wrong = CheckpointFit(fit.total, lacking, (), fit.reshaped)
    raise ValueError(
        f"the weights, in the names of {layout.name}, are not those of this backbone: "
        f"{wrong.differences()}. Give a config whose model.backbone has the "
        "architecture of the weights (depth, width, deep stem or not)"
    )


def _grouped(names: Sequence[str]) -> dict[str, tuple[int, str]]:
    counts = Counter(name.split(".")[0] for name in names)
    return {group: (count, _reason(f"{group}.")) for group, count in counts.items()}


def _reason(group: str) -> str:
    for pattern, reason in _REASONS:
        if re.match(pattern, group):
            return reason
    return "the backbone has no such part"


def _bottleneck(match: re.Match[str]) -> str:
    stage, block = int(match[1]) - 1, int(match[2]) - 1
    number = {"reduce": 1, "conv3x3": 2, "increase": 3}.get(match[3])
    is_conv = match[4] == "conv"
    if number is None:  # the shortcut
        return f"layer{stage}.{block}.downsample.{0 if is_conv else 1}."
    return f"layer{stage}.{block}.{'conv' if is_conv else 'bn'}{number}."


def _stem(match: re.Match[str]) -> str:
    return "conv1." if match[1] == "conv" else "bn1."


def _convnext_block(match: re.Match[str]) -> str:
    part = {
        "0": "depthwise_conv",
        "2": "norm",
        "3": "pointwise_conv1",
        "5": "pointwise_conv2",
    }[match[3]]
    return f"stages.{(int(match[1]) - 1) // 2}.{match[2]}.{part}."


def _convnext_gamma(match: re.Match[str]) -> str:
    return f"stages.{(int(match[1]) - 1) // 2}.{match[2]}.gamma"


def _convnext_downsample(match: re.Match[str]) -> str:
    return f"downsample_layers.{int(match[1]) // 2}.{match[2]}."


def _convnext_order(name: str, weight: Tensor) -> Tensor:
    return weight.flatten() if name.endswith(".gamma") else weight


def _swin_block(match: re.Match[str]) -> str:
    part = {
        "attn.": "attn.w_msa.",
        "mlp.0.": "ffn.layers.0.0.",
        "mlp.3.": "ffn.layers.1.",
    }
    stage = (int(match[1]) - 1) // 2
    return f"stages.{stage}.blocks.{match[2]}.{part.get(match[3], match[3])}"


def _swin_downsample(match: re.Match[str]) -> str:
    return f"stages.{int(match[1]) // 2 - 1}.downsample."


def _swin_stem(match: re.Match[str]) -> str:
    return f"patch_embed.{'projection' if match[1] == '0' else 'norm'}."


def _original_swin_part(match: re.Match[str]) -> str:
    part = {
        "attn.": "attn.w_msa.",
        "mlp.fc1.": "ffn.layers.0.0.",
        "mlp.fc2.": "ffn.layers.1.",
    }.get(match[3], match[3])
    return f"stages.{match[1]}.blocks.{match[2]}.{part}"


def _swin_order(name: str, weight: Tensor) -> Tensor:
    """Neighbours side by side in mmseg, one after the other in the original.

    The four places of a 2x2 patch come as (0, 0), (1, 0), (0, 1), (1, 1) there, all
    channels of each; here row by row, within each channel.
    """
    if ".downsample." not in name:
        return weight
    channels = weight.shape[-1] // 4
    rows = weight.shape[:-1]
    places = weight.reshape(*rows, 4, channels)[..., [0, 2, 1, 3], :]
    return places.transpose(-1, -2).reshape(*rows, 4 * channels)


_OWN_NAMES = Layout(
    "torchvision, mmseg or mmpretrain",
    "$^",
    (),
    note="strides, dilations and style ('pytorch' or 'caffe') are not in the weights: "
    "set them as they were trained",
)
LAYOUTS = (
    Layout(
        "DeepLab v2, converted from Caffe",
        r"layer2\.block1\.reduce\.conv",
        (
            (r"layer1\.(?:conv1\.)?(conv|bn)\.", _stem),
            (r"layer(\d)\.block(\d+)\.(\w+)\.(conv|bn)\.", _bottleneck),
        ),
        note="its stages begin with the stride in the first 1x1 (style='caffe'), and "
        "it was trained on BGR pictures less the mean, std 1",
    ),
    Layout(
        "torchvision's ConvNeXt",
        r"features\.1\.0\.block\.0\.",
        (
            (r"features\.0\.(\d)\.", r"downsample_layers.0.\1."),
            (r"features\.([1357])\.(\d+)\.block\.(\d)\.", _convnext_block),
            (r"features\.([1357])\.(\d+)\.layer_scale$", _convnext_gamma),
            (r"features\.([246])\.(\d)\.", _convnext_downsample),
        ),
        _convnext_order,
        note="mmpretrain's ConvNeXt needs gap_before_final_norm=False",
    ),
    Layout(
        "torchvision's Swin transformer",
        r"features\.1\.0\.attn\.qkv\.",
        (
            (r"features\.0\.([02])\.", _swin_stem),
            (
                r"features\.([1357])\.(\d+)\.(attn\.|mlp\.[03]\.|norm\d\.)",
                _swin_block,
            ),
            (r"features\.([246])\.", _swin_downsample),
        ),
        _swin_order,
    ),
    Layout(
        "the original Swin transformer",
        r"layers\.0\.blocks\.0\.attn\.qkv\.",
        (
            (r"patch_embed\.proj\.", "patch_embed.projection."),
            (
                r"layers\.(\d)\.blocks\.(\d+)\.(attn\.|mlp\.fc[12]\.|norm\d\.)",
                _original_swin_part,
            ),
            (r"layers\.(\d)\.downsample\.", r"stages.\1.downsample."),
        ),
        _swin_order,
    ),
)


def to_float32(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights in float32, counters as they are.

    Args:
        weights: Of any type.
    """
    return {
        name: weight.float() if weight.is_floating_point() else weight.to(torch.int64)
        for name, weight in weights.items()
    }
