"""Logits of a decode head as PNG files of 16 bits, one an image.

A pixel is 32768 plus the logit in steps, rounded. The step is chosen for each image so
that its largest logit fits; where that is 20, a step is 0.0006. The maps of an image
stand one below the other, in the order of its sentences. Any viewer shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from mmris.utils.atomic_files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

ZERO = 32768
_LARGEST = 32767


def write_soft_scores(path: Path, logits: Tensor) -> float:
    """Write the maps of an image; the file is there whole or not at all.

    Args:
        path: A file ending in ``.png``.
        logits: ``(K, h, w)`` before the sigmoid.

    Returns:
        The step between two values of a pixel, as logit.

    Raises:
        ValueError: A logit is not finite.
    """
    values = logits.detach().double().cpu().numpy()
    largest = float(np.abs(values).max())
    if not np.isfinite(largest):
        raise ValueError(
            f"{path}: the network gave a logit that is not finite; predict in float32 "
            "or look for the cause in training"
        )
    step = largest / _LARGEST if largest else 1.0
    picture = (np.rint(values / step) + ZERO).astype(np.uint16)
    # Maps of noise in their low bits hardly shrink more with more effort.
    done, content = cv2.imencode(
        ".png",
        picture.reshape(-1, picture.shape[-1]),
        [cv2.IMWRITE_PNG_COMPRESSION, 3],
    )
    if not done:
        raise OSError(f"{path}: maps of shape {tuple(picture.shape)} make no PNG file")
    write_atomically(path, content.tobytes())
    return step


def read_soft_scores(path: Path, count: int, step: float) -> Tensor:
    """Read the maps of an image.

    Args:
        path: The file.
        count: K, the number of maps.
        step: Between two values of a pixel, as logit.

    Returns:
        ``(K, h, w)`` float32 before the sigmoid.

    Raises:
        ValueError: There is no such file, or it does not hold so many maps.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if picture is None or picture.dtype != np.uint16 or picture.ndim != 2:
        raise ValueError(
            f"{path} is no PNG file of soft scores; write the predictions again with "
            "tools/test.py --out FILE --soft-scores"
        )
    if len(picture) % count:
        raise ValueError(
            f"{path} has {len(picture)} rows, which are not the maps of {count} "
            "sentences; it belongs to other predictions"
        )
    levels = torch.from_numpy(picture.astype(np.float64))
    maps = (levels.reshape(count, -1, picture.shape[1]) - ZERO) * step
    return maps.float()
