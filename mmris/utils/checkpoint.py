"""Reads checkpoints without ever running what a stranger put into them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import get_torch_safe_globals


def _statistic_of_buffer(owner: Any, name: str) -> Any:
    """Stands in for getattr, which MMEngine's log buffers name their statistics by.

    The true one would let a pickle climb from any class to whatever its module holds.
    """
    if owner is not HistoryBuffer or name.startswith("_"):
        raise pickle.UnpicklingError(f"refused to look up {name!r} of {owner!r}")
    return getattr(owner, name)


def _plain_globals() -> list[Any]:
    """What checkpoints of MMEngine may hold besides tensors: arrays and log buffers."""
    allowed = [entry for entry in get_torch_safe_globals() if entry is not getattr]
    return [*allowed, (_statistic_of_buffer, "builtins.getattr")]


def load_checkpoint_file(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint: tensors, plain values and MMEngine's own log buffers only.

    Args:
        path: The file.

    Returns:
        Its contents, tensors on the CPU.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is no checkpoint, is cut off, or holds anything that would
            have to run code to be read.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with torch.serialization.safe_globals(_plain_globals()):
            contents = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        lines = str(error).strip().splitlines() or ["the file is empty or cut off"]
        raise ValueError(
            f"checkpoint {path} cannot be read as plain weights: {lines[0]} "
            "A file that holds more than tensors and plain values is refused, because "
            "reading it could run code; ask its author for one written by torch.save "
            "of a state dict"
        ) from error
    if not isinstance(contents, dict):
        raise ValueError(
            f"checkpoint {path} holds a {type(contents).__name__}, not a dict of "
            "weights"
        )
    return contents
