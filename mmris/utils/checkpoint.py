"""Reads checkpoints without ever running what a stranger put into them."""

from __future__ import annotations

import pickle
import re
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import get_torch_safe_globals

from .weight_archive import ENDING, read_weights

if TYPE_CHECKING:
    from collections.abc import Iterator


class DamagedCheckpointError(ValueError):
    """A file that is cut off or no checkpoint, as opposed to one that is refused."""


_trusted: ContextVar[bool] = ContextVar("trusted_checkpoints", default=False)


@contextmanager
def trusted_checkpoints() -> Iterator[None]:
    """Read checkpoints inside the block even if that runs code that is in them.

    For files whose source you trust as you trust a program. The command-line tools have
    the option ``--trust-checkpoint`` for it.

    Example:
        >>> from mmris.utils import trusted_checkpoints
        >>> with trusted_checkpoints():
        ...     pass  # load_checkpoint_file, init_model, Runner.train, ...
    """
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


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


def load_checkpoint_file(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint: tensors, plain values and MMEngine's own log buffers only.

    Inside :func:`trusted_checkpoints` anything is read. Files ``.safetensors``, which
    can hold nothing else, are read as :func:`mmris.utils.weight_archive.read_weights`
    does.

    Args:
        path: The file.
        map_location: Where the tensors shall live, as for ``torch.load``.

    Returns:
        Its contents.

    Raises:
        FileNotFoundError: No such file.
        DamagedCheckpointError: The file is no checkpoint or is cut off.
        ValueError: It holds anything that would have to run code to be read, or no
            dict.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"no checkpoint at {path}; correct the path in the option or config key "
            "that names it"
        )
    if Path(path).suffix == ENDING:
        return _read_safetensors(Path(path), map_location)
    try:
        if _trusted.get():
            contents = torch.load(path, map_location=map_location, weights_only=False)
        else:
            with (
                torch.serialization.safe_globals(_plain_globals()),
                warnings.catch_warnings(),
            ):
                # Of files that another version of pickle wrote; the error says more.
                warnings.filterwarnings("ignore", message="Detected pickle protocol")
                contents = torch.load(
                    path, map_location=map_location, weights_only=True
                )
    except Exception as error:  # a damaged file can provoke any kind
        if not _needs_code(error):
            reason = str(error).strip().partition("\n")[0].partition(". ")[0]
            reason = reason or "it is empty"
            raise DamagedCheckpointError(
                f"checkpoint {path} cannot be read: {reason}. The file is "
                "damaged, cut off or no checkpoint; copy or download it again"
            ) from error
        raise ValueError(
            f"checkpoint {path} cannot be read as plain weights: {_reason(error)}. "
            "Reading such a file can run code, so it is refused. Ask its author for "
            "the state dict alone; or, if you trust the source of the file as you "
            "trust a program, say --trust-checkpoint (in Python: read it within "
            "mmris.utils.trusted_checkpoints())"
        ) from error
    if not isinstance(contents, dict):
        raise ValueError(
            f"checkpoint {path} holds a {type(contents).__name__}, not a dict of "
            "weights; give a file written by training or by torch.save of a state dict"
        )
    return contents


def _read_safetensors(path: Path, map_location: Any) -> dict[str, Any]:
    # The other forms that torch.load takes are for files of several devices.
    simple = isinstance(map_location, (str, torch.device))
    try:
        return read_weights(path, str(map_location) if simple else "cpu")
    except ValueError as error:
        raise DamagedCheckpointError(f"checkpoint {error}") from error


def _needs_code(error: Exception) -> bool:
    return isinstance(error, pickle.UnpicklingError) or "legacy .tar" in str(error)


def _reason(error: Exception) -> str:
    """What torch's message of many lines comes to."""
    message = str(error)
    named = re.search(r"GLOBAL ([\w.]+)", message) or re.search(
        r"Unsupported (?:class|operand|type|op code)\S* ([\w.<>' ]+)", message
    )
    if named is not None:
        return f"it wants {named[1].strip()}"
    if "refused to look up" in message:
        return message[message.index("refused to look up") :].splitlines()[0].rstrip()
    return "it holds more than tensors and plain values, or is no checkpoint at all"
