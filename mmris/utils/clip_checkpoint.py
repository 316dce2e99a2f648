"""Turns checkpoints of OpenAI's CLIP into those of CLIPResNet and CLIPTextEncoder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mmris.models.backbones.clip_resnet import ARCHITECTURES, CLIPResNet
from mmris.models.text_encoders.clip_text_encoder import CLIPTextEncoder

from .checkpoint import load_checkpoint_file
from .checkpoint_fit import CheckpointFit, compare, state_of
from .script_archive import is_script_archive, read_script_archive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_IMAGE, _TEXT = "backbone.", "text_encoder."
_HEAD_CHANNELS = 64
_DROPPED = {
    "logit_scale": "the temperature of CLIP's training loss",
    "input_resolution": "a number that the weights' shapes say too",
    "context_length": "a number that the weights' shapes say too",
    "vocab_size": "a number that the weights' shapes say too",
}
_MEAN_POSITION = "visual.attnpool.positional_embedding"
# Convolutions and norms of the stem by their places in mmseg's.
_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"visual\.conv1\.", f"{_IMAGE}stem.0."),
        (r"visual\.bn1\.", f"{_IMAGE}stem.1."),
        (r"visual\.conv2\.", f"{_IMAGE}stem.3."),
        (r"visual\.bn2\.", f"{_IMAGE}stem.4."),
        (r"visual\.conv3\.", f"{_IMAGE}stem.6."),
        (r"visual\.bn3\.", f"{_IMAGE}stem.7."),
        (r"visual\.(layer[1-4]\.\d+\..+)", rf"{_IMAGE}\1"),
        (r"visual\.attnpool\.", f"{_IMAGE}attention_pool."),
        (r"transformer\.resblocks\.(\d+\.attn\.in_proj)_", rf"{_TEXT}transformer.\1."),
        (r"transformer\.resblocks\.", f"{_TEXT}transformer."),
        (r"(token_embedding|ln_final)\.", rf"{_TEXT}\1."),
        (r"(positional_embedding|text_projection)$", rf"{_TEXT}\1.weight"),
    )
)
# New in mmris: CLIP has no weights for it.
_NEW = f"{_IMAGE}attention_pool.residual."


@dataclass(frozen=True)
class ConvertedCLIP:
    """A checkpoint of CLIP in mmris' names.

    Attributes:
        state: Weights in float32, those of the image encoder under ``backbone.``, those
            of the text encoder under ``text_encoder.``.
        backbone: Config of the backbone that they fit.
        text_encoder: Config of the text encoder that they fit.
        dropped: Names of CLIP's that were left out, with the reason.
        new: Names that the modules have besides, which start anew.
    """

    state: dict[str, Tensor]
    backbone: dict[str, Any]
    text_encoder: dict[str, Any]
    dropped: Mapping[str, str]
    new: tuple[str, ...]


def read_clip(path: str | Path) -> dict[str, Tensor]:
    """Read the weights of CLIP from a file, running nothing that is in it.

    Args:
        path: A TorchScript archive as OpenAI publishes them, or a state dict that
            ``torch.save`` wrote, also one under ``state_dict``.

    Returns:
        The weights by OpenAI's names.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It is damaged, holds no weights, or reading it would run code.
    """
    if is_script_archive(path):
        weights: Mapping[str, Any] = read_script_archive(path)
    else:
        weights = state_of(load_checkpoint_file(path))
    state = {name.removeprefix("module."): value for name, value in weights.items()}
    other = next((k for k, value in state.items() if not torch.is_tensor(value)), None)
    if other is not None:
        raise ValueError(
            f"{path} has {other!r} among its weights, a {type(state[other]).__name__}; "
            "give a checkpoint of OpenAI's CLIP or the state dict of its model"
        )
    return state


def convert_clip(weights: Mapping[str, Tensor]) -> ConvertedCLIP:
    """Rename the weights of CLIP and check that nothing is missing.

    Args:
        weights: By OpenAI's names.

    Raises:
        ValueError: They are not those of a CLIP with a ResNet, or some are missing,
            unknown or of another shape.
    """
    arch = _architecture(weights)
    text_encoder = _text_settings(weights)
    state, dropped = {}, {}
    for name, weight in weights.items():
        if name in _DROPPED:
            dropped[name] = _DROPPED[name]
        else:
            state[_rename(name)] = _in_our_form(name, weight)
    dropped[f"{_MEAN_POSITION}[0]"] = "the position of the mean, which does not exist"
    fit = _compare(arch, text_encoder, state)
    for name in fit.unexpected:
        del state[name]
        dropped[name] = "neither encoder has it"
    lacking = tuple(name for name in fit.missing if not name.startswith(_NEW))
    if lacking or fit.reshaped:
        wrong = CheckpointFit(fit.total, lacking, (), fit.reshaped)
        raise ValueError(
            f"the checkpoint is almost that of CLIP's {arch}: {wrong.differences()}. "
            "Give the file as OpenAI publishes it, or the whole state dict of its model"
        )
    return ConvertedCLIP(
        state=state,
        backbone={"type": "CLIPResNet", "arch": arch},
        text_encoder={"type": "CLIPTextEncoder", **text_encoder},
        dropped=dropped,
        new=fit.missing,
    )


def _rename(name: str) -> str:
    for pattern, replacement in _RULES:
        if pattern.match(name):
            return pattern.sub(replacement, name, count=1)
    return name


def _in_our_form(name: str, weight: Tensor) -> Tensor:
    if name == "text_projection":  # (C_t, C_s) there, a linear layer here
        weight = weight.transpose(0, 1)
    elif name == _MEAN_POSITION:
        weight = weight[1:]
    # Only counters of batches are integers.
    weight = weight.float() if weight.is_floating_point() else weight.long()
    # Not a view: torch.save would write all of what a view looks at.
    return weight.clone(memory_format=torch.contiguous_format)


def _architecture(weights: Mapping[str, Tensor]) -> str:
    """The name of the image encoder, from names and shapes of its weights."""
    _check_kind(weights)
    firsts = [
        name.split(".")[1]
        for name in weights
        if re.fullmatch(r"visual\.layer[1-4]\.\d+\.conv1\.weight", name)
    ]
    blocks = tuple(firsts.count(f"layer{stage}") for stage in (1, 2, 3, 4))
    width = weights["visual.layer1.0.conv1.weight"].shape[0]
    for name, known in ARCHITECTURES.items():
        if (known.blocks, known.base_channels) == (blocks, width):
            return name
    raise ValueError(
        f"the checkpoint's ResNet has {blocks} blocks and {width} channels, which none "
        f"of OpenAI's has; give one of {', '.join(ARCHITECTURES)}"
    )


def _check_kind(weights: Mapping[str, Tensor]) -> None:
    wanted = f"give one with a ResNet: {', '.join(ARCHITECTURES)}"
    if "visual.class_embedding" in weights and "visual.conv1.weight" in weights:
        width, _, patch, _ = weights["visual.conv1.weight"].shape
        size = {768: "B", 1024: "L"}.get(width, f"of {width} channels")
        raise ValueError(
            f"the image encoder of this CLIP is the vision transformer ViT-{size}/"
            f"{patch}, which CLIPResNet cannot hold; {wanted}"
        )
    if any(name.startswith(("vision_model.", "text_model.")) for name in weights):
        raise ValueError(
            "the weights have Hugging Face's names; give the file that OpenAI "
            "publishes, or set model.text_encoder to HuggingFaceTextEncoder, which "
            "reads them by itself"
        )
    needed = ("visual.layer1.0.conv1.weight", "text_projection", _MEAN_POSITION)
    missing = [name for name in needed if name not in weights]
    if missing:
        raise ValueError(
            f"the checkpoint has no {', '.join(missing)}, so it is not one of OpenAI's "
            f"CLIP, image and text encoder together; {wanted}"
        )


def _text_settings(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    channels, projected = weights["text_projection"].shape
    layers = {
        name.split(".")[2]
        for name in weights
        if name.startswith("transformer.resblocks.")
    }
    return {
        "channels": channels,
        "num_layers": max(1, len(layers)),
        "num_heads": channels // _HEAD_CHANNELS,
        "projection_channels": projected,
    }


def _compare(
    arch: str, text_encoder: dict[str, Any], state: Mapping[str, Tensor]
) -> CheckpointFit:
    """The weights beside modules of that architecture, which hold no numbers."""
    with torch.device("meta"):
        modules = torch.nn.ModuleDict(
            {
                "backbone": CLIPResNet(arch=arch),
                "text_encoder": CLIPTextEncoder(**text_encoder),
            }
        )
    return compare(modules, state)
