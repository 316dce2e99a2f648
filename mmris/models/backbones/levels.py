"""Reads the channels and strides of any backbone without running it.

A forward pass on torch's meta device computes shapes and nothing else, so that a config
need not repeat the widths of its backbone.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from mmris.structures import LevelSpec

if TYPE_CHECKING:
    from torch import nn

# Divisible by every stride and window size of the usual backbones.
PROBE_SIZE = 448


def read_levels(backbone: nn.Module) -> tuple[LevelSpec, ...]:
    """Channels and strides of the maps that a backbone returns.

    Args:
        backbone: Any module that maps ``(B, 3, H, W)`` to a tuple of maps.

    Returns:
        The levels in the order of the backbone, finest first.

    Raises:
        ValueError: The backbone returns something else than maps, or maps from coarse
            to fine, or cannot run on the meta device. The message names the config key.
    """
    name = type(backbone).__name__
    probe = probe_of(backbone)
    size = (PROBE_SIZE, PROBE_SIZE)
    try:
        with torch.no_grad():
            outputs = probe(torch.empty(1, 3, *size, device="meta"))
    except Exception as error:
        raise ValueError(
            f"model.backbone {name} cannot be measured on the meta device: {error}. "
            "Say its levels in model.backbone_levels, a list of "
            "dict(channels=..., stride=...)"
        ) from error
    return _levels(name, outputs)


def probe_of(backbone: nn.Module) -> nn.Module:
    """A copy in evaluation mode on the meta device, for the shapes that it gives.

    Args:
        backbone: Any module, left as it is.

    Returns:
        The copy, whose batch normalisations hand on what they get. They change no
        shape, and on the meta device take longer than all the rest.
    """
    probe = copy.deepcopy(backbone).to("meta")
    # Not chained: the train and eval methods of some backbones return None.
    probe.eval()
    for module in probe.modules():
        if isinstance(module, _BatchNorm):
            module.forward = _unchanged  # type: ignore[method-assign] # of a copy
    return probe


def _unchanged(input: torch.Tensor) -> torch.Tensor:
    return input


def _levels(name: str, outputs: Any) -> tuple[LevelSpec, ...]:
    if isinstance(outputs, torch.Tensor):
        outputs = (outputs,)
    shapes = [
        tuple(x.shape) if isinstance(x, torch.Tensor) else type(x) for x in outputs
    ]
    if not all(isinstance(x, torch.Tensor) and x.ndim == 4 for x in outputs):
        raise ValueError(
            f"model.backbone {name} must return maps (B, C, H, W), but returns "
            f"{shapes}. Backbones made for classification pool by default: "
            "mmpretrain.ConvNeXt wants gap_before_final_norm=False, transformers "
            "out_type='featmap'"
        )
    levels = tuple(
        LevelSpec(channels=x.shape[1], stride=round(PROBE_SIZE / x.shape[2]))
        for x in outputs
    )
    strides = [level.stride for level in levels]
    if strides != sorted(strides):
        raise ValueError(
            f"model.backbone {name} returns levels of strides {strides}; they must go "
            "from fine to coarse. Change model.backbone.out_indices"
        )
    return levels
