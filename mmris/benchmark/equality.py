"""Whether a mode gives the same masks as the plain path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .modes import PLAIN

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.models import RefSegmentor

    from .random_case import RandomBatch


@dataclass(frozen=True)
class Equality:
    """How far logits are from others.

    A random model has no threshold of its own. Its masks are cut at the middle logit of
    each expression, where half of the pixels are foreground: a harder test than a
    trained model's, whose logits keep away from the threshold.

    Attributes:
        max_difference: Largest difference of two logits.
        largest_logit: Largest absolute value, to compare it with.
        mask_agreement: Share of equal pixels, from 0 to 1.
        mask_iou: Mean over expressions of the IoU of the masks, from 0 to 1.
    """

    max_difference: float
    largest_logit: float
    mask_agreement: float
    mask_iou: float


@torch.no_grad()
def one_by_one(model: RefSegmentor, batch: RandomBatch, device: torch.device) -> Tensor:
    """The plain path: one forward a sentence, in float32, not compiled.

    Args:
        model: In evaluation mode, contiguous.
        batch: ``N`` expressions.
        device: Where both live.

    Returns:
        Logits, ``(N, 1, h, w)``, on the CPU.
    """
    logits = []
    with PLAIN.precise(device):
        for sentence, image in zip(
            batch.sentences, batch.image_index.tolist(), strict=True
        ):
            picture = batch.images[image : image + 1]
            own = torch.zeros(1, dtype=torch.int64, device=device)
            logits.append(model.decode(picture, [sentence], own).logits.cpu())
    return torch.cat(logits)


def compare(logits: Tensor, reference: Tensor) -> Equality:
    """Compare logits with those of the plain path.

    Args:
        logits: ``(N, 1, h, w)``, on any device, of any precision.
        reference: ``(N, 1, h, w)``, on the CPU.
    """
    ours, plain = logits.detach().float().cpu().flatten(1), reference.flatten(1)
    middle = plain.median(dim=1, keepdim=True).values
    mask, other = ours > middle, plain > middle
    union = (mask | other).sum(dim=1).clamp(min=1)
    return Equality(
        (ours - plain).abs().max().item(),
        plain.abs().max().item(),
        (mask == other).float().mean().item(),
        ((mask & other).sum(dim=1) / union).mean().item(),
    )
