"""Where each position of a map lies: eight numbers that many papers append."""

from __future__ import annotations

import torch
from torch import Tensor

from .constant_tables import kept_table

NUM_COORDINATES = 8


def coordinate_map(
    height: int,
    width: int,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Left, top, right, bottom and centre of each cell, and the size of a cell.

    For row h and column w the channels are 2w/W-1, 2h/H-1, 2(w+1)/W-1, 2(h+1)/H-1,
    (2w+1)/W-1, (2h+1)/H-1, 1/W, 1/H: the map spans -1 to 1 along both axes.

    Used by Hu et al., "Segmentation from Natural Language Expressions", ECCV 2016, and
    since then by CMSA, CMPC and CEFNet.

    Args:
        height: ``H``.
        width: ``W``.
        device: Where to make it.
        dtype: Of which type; torch's default type if None.

    Returns:
        ``(8, H, W)``, kept: not to be changed in place.
    """
    return _coordinates(height, width, device, dtype or torch.get_default_dtype())


@kept_table
def _coordinates(
    height: int, width: int, device: torch.device | None, dtype: torch.dtype
) -> Tensor:
    rows = torch.arange(height, device=device, dtype=dtype)
    columns = torch.arange(width, device=device, dtype=dtype)
    top = (2 * rows / height - 1)[:, None].expand(-1, width)
    left = (2 * columns / width - 1)[None].expand(height, -1)
    column, row = torch.full_like(left, 1 / width), torch.full_like(top, 1 / height)
    return torch.stack(
        [
            left,
            top,
            left + 2 * column,
            top + 2 * row,
            left + column,
            top + row,
            column,
            row,
        ]
    )
