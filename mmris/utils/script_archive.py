"""Reads the tensors of a TorchScript archive without running what is in it.

``torch.jit.load`` compiles and partly runs the program in the archive. Here the program
is not looked at: the attributes of the modules are read by torch's own reader for
looking into pickles, which puts inert stand-ins in the place of all classes, and the
numbers are taken from the files that they name.
"""

from __future__ import annotations

import sys
import zipfile
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.show_pickle import DumpUnpickler, FakeObject

from .checkpoint import DamagedCheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

_ATTRIBUTES = "data.pkl"
# Archives of torch.save have no such file.
_MARK = "constants.pkl"
_TYPES = {
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "ShortStorage": torch.int16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
}


def is_script_archive(path: str | Path) -> bool:
    """Whether a file was written by ``torch.jit.save``.

    Args:
        path: The file.
    """
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(_is_at_top(name, _MARK) for name in archive.namelist())


def read_script_archive(path: str | Path) -> dict[str, Tensor]:
    """Read the state dict of the module in a TorchScript archive.

    Args:
        path: The file.

    Returns:
        Its parameters, buffers and other attributes that are tensors, by the names that
        they have in the module's state dict.

    Raises:
        DamagedCheckpointError: The file is cut off, or is no such archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            folder = _folder(archive)
            _check_byte_order(archive, folder)
            with archive.open(f"{folder}/{_ATTRIBUTES}") as file:
                module = DumpUnpickler(file).load()
            return {
                name: _read_tensor(archive, folder, entry)
                for name, entry in _tensors(module)
            }
    except Exception as error:  # a damaged file can provoke any kind
        raise DamagedCheckpointError(
            f"the TorchScript archive {path} cannot be read: {error}. The file is "
            "damaged, cut off or no module; copy or download it again"
        ) from error


def _is_at_top(name: str, file: str) -> bool:
    return name.count("/") == 1 and name.endswith(f"/{file}")


def _folder(archive: zipfile.ZipFile) -> str:
    (name,) = (name for name in archive.namelist() if _is_at_top(name, _ATTRIBUTES))
    return name.partition("/")[0]


def _check_byte_order(archive: zipfile.ZipFile, folder: str) -> None:
    name = f"{folder}/byteorder"
    if name in archive.namelist() and archive.read(name).decode() != sys.byteorder:
        raise ValueError("its numbers have the byte order of another kind of computer")


def _tensors(module: Any, prefix: str = "") -> Iterator[tuple[str, FakeObject]]:
    """The tensors among the attributes of a module and of those inside it."""
    if not isinstance(module, FakeObject) or not isinstance(module.state, dict):
        raise TypeError("it holds no module")
    for name, value in module.state.items():
        if not isinstance(value, FakeObject):
            continue
        if value.name == "_rebuild_tensor_v2":
            yield f"{prefix}{name}", value
        elif isinstance(value.state, dict):
            yield from _tensors(value, f"{prefix}{name}.")


def _read_tensor(archive: zipfile.ZipFile, folder: str, entry: FakeObject) -> Tensor:
    storage, offset, size, stride = entry.args[:4]
    # ("storage", type, number of the file, device, number of elements)
    _, kind, number, _, _ = storage.args[0]
    if kind.name not in _TYPES:
        raise ValueError(f"it has numbers of an unknown type, {kind.name}")
    content = archive.read(f"{folder}/data/{number}")
    values = torch.empty(0, dtype=_TYPES[kind.name])
    if content:
        values = torch.frombuffer(bytearray(content), dtype=_TYPES[kind.name])
    # Refuses whatever lies outside of the values.
    return values.as_strided(size, stride, offset).clone()
