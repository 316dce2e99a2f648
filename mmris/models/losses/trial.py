"""Tries a loss on made-up logits before a training does, for days and in vain.

Losses for many classes run on one logit a pixel without complaint: a softmax over one
channel is always 1, so that nothing is learned, and a softmax over the last axis takes
the pixels of a row for classes.
"""

from __future__ import annotations

import copy
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .output_loss import loss_at_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

# Large enough for losses with windows or pyramids, and takes a millisecond or two.
TRIAL_SIZE = (64, 96)
# Share of the gradient that may point away from the masks. A loss that only smooths,
# whatever the masks, has next to none in either direction; one that is upside down,
# most of it.
_AWAY = 0.1
# How far a softmax over the pixels of a row lets their gradients sum up to other than
# zero, as a share of their sizes: rounding.
_ROUNDING = 1e-4
_REMEDY = (
    "There is one logit a pixel, before the sigmoid, and masks of 0.0 or 1.0, both "
    "(N, 1, H, W); choose BinaryCrossEntropyLoss, or mmseg.DiceLoss with "
    "use_sigmoid=True"
)


def try_loss(
    key: str, loss: Callable[..., Any], size: Sequence[int] | None = None
) -> None:
    """Refuse a loss from which logits would not learn their masks.

    A copy of the loss is tried, and torch's random numbers are left as they are. A loss
    is not tried where numbers cannot be looked at (on the meta device and with fake
    tensors), nor if its ``loss_weight`` is 0, which turns it off on purpose.

    Args:
        key: Where the loss stands in the config.
        loss: The loss, called with logits and masks.
        size: Height and width to try it at; None for any.

    Raises:
        ValueError: It cannot be computed, is not finite, or has a gradient that is
            zero, that points away from the masks, or that compares pixels of a row.
    """
    if getattr(loss, "loss_weight", None) == 0 or not _has_numbers(loss):
        return
    name = type(loss).__name__
    try:
        fault = _fault(loss, size or TRIAL_SIZE)
    except Exception as error:
        raise ValueError(
            f"{key} is {name}, which cannot be computed: {type(error).__name__}: "
            f"{error}. {_REMEDY}"
        ) from error
    if fault:
        raise ValueError(f"{key} is {name}, {fault}. {_REMEDY}")


def _tensors(loss: Callable[..., Any]) -> Iterable[Tensor]:
    if isinstance(loss, nn.Module):
        return chain(loss.parameters(), loss.buffers())
    return ()


def _has_numbers(loss: Callable[..., Any]) -> bool:
    # Within a mode of fake tensors even this one is fake.
    fake = type(torch.empty(0, device="cpu")) is not Tensor
    return not fake and not any(value.is_meta for value in _tensors(loss))


def _fault(loss: Callable[..., Any], size: Sequence[int]) -> str | None:
    """What is wrong with the loss, None for nothing."""
    device = next((value.device for value in _tensors(loss)), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    with (
        device,  # whatever default there is
        torch.random.fork_rng(devices=[]),
        torch.inference_mode(mode=False),  # with gradients, within no_grad too
    ):
        shape = (2, 1, *size)
        logits = torch.randn(shape, generator=generator, device="cpu").to(device)
        logits.requires_grad_()
        masks = torch.rand(shape, generator=generator, device="cpu").to(device) < 0.5
        value = loss_at_target(copy.deepcopy(loss), logits, masks)
        if not isinstance(value, Tensor):
            return f"which gives a {type(value).__name__} instead of one number"
        total = value.mean()  # as MMEngine takes it
        if not total.isfinite():
            return f"which gives {total.item()} on random logits"
        gradient: Tensor | None = None
        if total.requires_grad:
            (gradient,) = torch.autograd.grad(total, logits, allow_unused=True)
    if gradient is None or not gradient.any():
        return "from which nothing is learned: its gradient is zero"
    return _fault_of_gradient(gradient, masks)


def _fault_of_gradient(gradient: Tensor, masks: Tensor) -> str | None:
    if not gradient.isfinite().all():
        return "whose gradient is not finite on random logits"
    sizes = gradient.abs()
    away = torch.where(masks, gradient, -gradient).sum() / sizes.sum()
    if away > _AWAY:
        return "from which the opposite is learned: its gradient points away from masks"
    for axis in (2, 3):
        sums = gradient.sum(dim=axis).abs()
        if (sums <= _ROUNDING * sizes.sum(dim=axis)).all():
            return (
                "which takes the pixels of a row or column for classes: their "
                "gradients sum up to zero"
            )
    return None
