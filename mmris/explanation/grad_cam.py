"""Grad-CAM for segmentation: which places of a layer speak for the mask.

Papers: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization", ICCV 2017, https://arxiv.org/abs/1610.02391; for masks
Vinogradova et al., "Towards Interpretable Semantic Segmentation via Gradient-weighted
Class Activation Mapping", AAAI 2020, https://arxiv.org/abs/2002.11434.
"""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mmris.structures import FusedFeatures

from .explanation import ExplanationMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

    from mmris.models import RefSegmentor
    from mmris.structures import MaskOutput

# The maps that the neck hands to the head, which no module returns by that name.
NECK = "neck"
# Of the places, where the mask is empty: those that come closest.
_SHARE_OF_EMPTY = 0.01


def check_layers(model: RefSegmentor, layers: Sequence[str]) -> None:
    """Refuse layers that a model does not have.

    Args:
        model: Any model.
        layers: Names of modules.

    Raises:
        ValueError: There is none of that name; the message tells names close by.
    """
    names = dict(model.named_modules())
    for layer in layers:
        if layer == NECK or (layer and layer in names):
            continue
        parent = layer
        while parent and parent not in names:
            parent = parent.rpartition(".")[0]
        start = f"{parent}." if parent else ""
        depth = start.count(".")
        close = [
            name
            for name in names
            if name and name.startswith(start) and name.count(".") == depth
        ]
        raise ValueError(
            f"the model has no layer {layer!r}; {parent or 'the model'} has "
            f"{', '.join(close) or 'no layers of its own'}"
        )


def grad_cam(
    model: RefSegmentor,
    inputs: Tensor,
    expression: str,
    image_index: Tensor,
    layers: Sequence[str],
) -> list[ExplanationMap]:
    r"""Grad-CAM of one expression.

    With A the map of a layer, y the sum of the mask's logits over the places where the
    mask is (over the highest one percent if it is empty),

    .. math::
        w_c = \mathrm{mean}_p\, \frac{\partial y}{\partial A_{cp}}, \qquad
        G_p = \mathrm{ReLU}\big(\sum_c w_c A_{cp}\big)

    Args:
        model: Any model, in evaluation mode.
        inputs: One normalised picture, ``(1, 3, H, W)``.
        expression: The expression.
        image_index: ``(1,)`` int64, 0.
        layers: Names of modules that give a map, or several; ``"neck"`` are the maps
            that the head is given.

    Returns:
        One map a layer, or one for each map that a layer gives; without a unit.

    Raises:
        ValueError: A layer does not give maps, is not run, or has no effect on the
            mask.
    """
    check_layers(model, layers)
    with torch.enable_grad(), _watch(model, layers) as seen:
        # Frozen stages give gradients only for inputs that want some.
        output = model.decode(
            inputs.detach().requires_grad_(), [expression], image_index
        )
        wanted = [(layer, maps) for layer in layers for maps in _found(layer, seen)]
        gradients = torch.autograd.grad(
            _target(output, model), [maps for _, maps in wanted], allow_unused=True
        )
    found = []
    for (layer, maps), gradient in zip(wanted, gradients, strict=True):
        if gradient is None:
            raise ValueError(
                f"layer {layer!r} has no effect on the mask; choose one that the mask "
                "is made of"
            )
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        values = torch.relu((weights * maps).sum(dim=1))[0]
        place = layer
        several = seen[layer]
        if len(several) > 1:
            place = f"{layer}_{next(i for i, m in enumerate(several) if m is maps)}"
        found.append(
            ExplanationMap(
                kind="grad_cam",
                place=place,
                values=values.detach().float().cpu().numpy(),
                axes=("row", "column"),
                module=layer,
            )
        )
    return found


def _target(output: MaskOutput, model: RefSegmentor) -> Tensor:
    logits = output.logits.flatten()
    threshold = torch.logit(torch.tensor(model.settings.threshold)).item()
    inside = logits > threshold
    if inside.any():
        return logits[inside].sum()
    return logits.topk(max(round(_SHARE_OF_EMPTY * len(logits)), 1)).values.sum()


def _found(layer: str, seen: dict[str, list[Tensor]]) -> list[Tensor]:
    if layer not in seen:
        raise ValueError(
            f"layer {layer!r} is not run as a whole in this model; choose one inside it"
        )
    if not seen[layer]:
        raise ValueError(
            f"layer {layer!r} gives no map of shape (rows, channels, height, width); "
            "choose another one"
        )
    return seen[layer]


@contextmanager
def _watch(
    model: RefSegmentor, layers: Sequence[str]
) -> Iterator[dict[str, list[Tensor]]]:
    """Keep the maps of layers, in a way that what follows cannot change them."""
    seen: dict[str, list[Tensor]] = {}
    with ExitStack() as hooks:
        for layer in dict.fromkeys(layers):
            if layer == NECK:
                handle = model.decode_head.register_forward_pre_hook(
                    lambda _, arguments: _keep(arguments, seen, NECK)
                )
            else:
                module = model.get_submodule(layer)
                handle = module.register_forward_hook(_keeper(seen, layer))
            hooks.callback(handle.remove)
        yield seen


def _keeper(seen: dict[str, list[Tensor]], layer: str) -> Any:
    def keep(_module: nn.Module, _arguments: Any, result: Any) -> Any:
        return _keep(result, seen, layer)

    return keep


def _keep(value: Any, seen: dict[str, list[Tensor]], layer: str) -> Any:
    """Keep the maps of a value, and give it back with copies of them."""
    maps = seen.setdefault(layer, [])
    if isinstance(value, FusedFeatures):
        return dataclasses.replace(
            value, maps=tuple(_keep(level, seen, layer) for level in value.maps)
        )
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(_keep(entry, seen, layer) for entry in value)
    if isinstance(value, Tensor) and value.ndim == 4 and value.requires_grad:
        maps.append(value)
        # A later layer may work in place.
        return value.clone()
    return value
