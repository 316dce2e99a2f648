"""For computations that lose too much in the short numbers of mixed precision."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor


def at_least_float32(features: Tensor) -> Tensor:
    """The same numbers in float32, or as they are if they are longer.

    Args:
        features: Of any floating type and shape.
    """
    return features.to(torch.promote_types(features.dtype, torch.float32))


def no_autocast(features: Tensor) -> AbstractContextManager[Any]:
    """A context in which products are computed in the type of their factors.

    Args:
        features: Anything on the device in question.
    """
    # Entered only where there is one: an exported graph would keep it as a subgraph.
    device = features.device.type
    if not features.is_meta and torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()
