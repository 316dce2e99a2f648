"""Weights with all that is needed to use them, as a safetensors file.

The tensors are the model's state dict, the words that it knows among them. The header
holds one string, ``mmris``: a JSON object of ``cfg``, the config as text, and whatever
else is worth knowing, such as the iteration and the command. (Several strings would
come in a random order, and the same weights have another checksum each time.) Nothing
in such a file can run code.

A tensor of 8-bit integers ``NAME`` beside one called ``NAME.scale`` stands for their
product, a scale for each row.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ENTRY = "mmris"
_SCALE = ".scale"
_STEPS = 127
# RuntimeError: scales that do not go with their tensor.
_MALFORMED = (SafetensorError, OSError, ValueError, RuntimeError, RecursionError)
ENDING = ".safetensors"


def pack_weights(state: Mapping[str, Any], *, cfg: str, meta: dict[str, Any]) -> bytes:
    """Make the content of a file.

    Args:
        state: State dict of a model.
        cfg: Text of the config that the model is built from.
        meta: Plain values of JSON.

    Returns:
        The bytes; equal ones for equal arguments.

    Raises:
        ValueError: The state dict holds something else than tensors.
    """
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f"the weights have {name!r} of type {type(value).__name__}; such a "
                "file takes tensors only"
            )
    # Without their storages, which tensors may share and safetensors refuses then.
    tensors = {name: value.detach().cpu().clone() for name, value in state.items()}
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    header = json.dumps({**meta, "cfg": cfg}, sort_keys=True)
    return bytes(save(tensors, metadata={_ENTRY: header}))


def in_8_bits(name: str, value: Tensor) -> dict[str, Tensor]:
    """A tensor as 8-bit integers and a scale for each row.

    Args:
        name: Its name.
        value: ``(rows, ...)`` of floating point.

    Returns:
        Two tensors by name, of a quarter of the bytes of 32-bit numbers.
    """
    rows = value.float().reshape(len(value), -1)
    # A row of zeros needs any scale but 0.
    scale = (rows.abs().amax(dim=1) / _STEPS).clamp(min=1e-12)
    steps = (rows / scale[:, None]).round().to(torch.int8).reshape(value.shape)
    return {name: steps, f"{name}{_SCALE}": scale}


def _from_8_bits(state: dict[str, Tensor]) -> dict[str, Tensor]:
    scales = {
        name: state[f"{name}{_SCALE}"]
        for name, value in state.items()
        if value.dtype == torch.int8 and f"{name}{_SCALE}" in state
    }
    restored = {}
    for name, value in state.items():
        if name in scales:
            shape = (-1, *[1] * (value.ndim - 1))
            restored[name] = value.float() * scales[name].float().reshape(shape)
        elif name.removesuffix(_SCALE) not in scales:
            restored[name] = value
    return restored


def read_weights(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Read a file in the form of a checkpoint.

    Args:
        path: The file, of mmris or any other.
        device: Where the tensors shall live.

    Returns:
        ``state_dict`` and ``meta``; with ``cfg`` in ``meta`` if mmris wrote the file.

    Raises:
        ValueError: It is damaged or no such file.
    """
    try:
        with safe_open(path, framework="pt", device=device) as file:
            header = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
        meta = json.loads(header.get(_ENTRY, "{}"))
        state = _from_8_bits(state)
    except _MALFORMED as error:
        raise ValueError(
            f"{path} is no complete safetensors file: {error}. Copy or download it "
            "again"
        ) from error
    return {"state_dict": state, "meta": meta if isinstance(meta, dict) else {}}
