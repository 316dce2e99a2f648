"""Which checkpoint a run starts from or goes on from."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.logging import print_log

from .atomic_files import write_atomically
from .checkpoint import DamagedCheckpointError, load_checkpoint_file

if TYPE_CHECKING:
    from mmengine.config import Config

# Written at regular intervals or by an interruption; those called best have no
# optimizer's state.
_REGULAR = ("iter_*.pth", "epoch_*.pth", "interrupted_*.pth")
_POINTER = "last_checkpoint"
_NEEDED = ("meta", "message_hub", "optimizer")


def check_checkpoint(path: str, option: str, *, resumed: bool = False) -> str:
    """Return the path of a checkpoint that can be read safely, or an address.

    What is wrong with a file is said before anything is built. An address is read, as
    safely, when it is needed.

    Args:
        path: The file, or an address such as ``https://...``.
        option: The option that named it, for the message.
        resumed: Whether it must have the state of a training.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is broken, reading it would run code, or it has no state.
    """
    if "://" in path:
        return path
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"no checkpoint file {path!r} ({option}); correct the path"
        )
    contents = load_checkpoint_file(path)
    if resumed:
        _check_sums(path)
    lacking = [key for key in _NEEDED if key not in contents]
    if resumed and lacking:
        raise ValueError(
            f"checkpoint {path} ({option}) holds weights but no state of a training "
            f"(no {', '.join(lacking)}), so that nothing can be resumed from it. Give "
            "one of the files iter_*.pth, or start anew from its weights with "
            "--load-from"
        )
    return path


def _check_sums(path: str) -> None:
    """Refuse a file in which any byte changed; reading alone finds missing ones only.

    Args:
        path: A checkpoint that can be read.

    Raises:
        DamagedCheckpointError: A sum that was written with it is another.
    """
    if not zipfile.is_zipfile(path):  # the format of torch before 1.6 has no sums
        return
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise DamagedCheckpointError(
            f"checkpoint {path} cannot be read: the checksum of {damaged} is wrong. "
            "The file is damaged; copy it again"
        )


def set_start(cfg: Config, *, resume: str | None, load_from: str | None) -> None:
    """Start from a checkpoint.

    Args:
        cfg: Configuration with a ``work_dir``, changed in place.
        resume: Checkpoint whose run is continued; ``"auto"`` continues the newest of
            the work dir, or starts as the config says if there is none.
        load_from: Checkpoint whose weights are the start of a new run.

    Raises:
        ValueError: Both are given, or a checkpoint is refused.
        FileNotFoundError: No such checkpoint.
    """
    if resume is not None and load_from is not None:
        raise ValueError(
            "--resume continues a run and --load-from starts one from the weights of "
            "another; give one of them"
        )
    if load_from is not None:
        cfg.load_from, cfg.resume = check_checkpoint(load_from, "--load-from"), False
    elif resume == "auto":
        newest = newest_checkpoint(cfg.work_dir)
        if newest is not None:
            cfg.load_from, cfg.resume = newest, True
    elif resume is not None:
        cfg.load_from = check_checkpoint(resume, "--resume", resumed=True)
        cfg.resume = True


def newest_checkpoint(work_dir: str) -> str | None:
    """The newest checkpoint of a work dir that is whole.

    It is the one that ``last_checkpoint`` names, by the file's name: the work dir may
    have been moved or copied. If it is gone or damaged, the next older is taken, with a
    warning.

    Args:
        work_dir: The folder.

    Returns:
        The file; None if there is no checkpoint.

    Raises:
        FileNotFoundError: ``last_checkpoint`` names one, but there is none.
        DamagedCheckpointError: There are some, none of which is whole.
        ValueError: One has no state of a training, or reading it would run code.
    """
    folder = Path(work_dir)
    pointer = folder / _POINTER
    files = sorted(
        (file for pattern in _REGULAR for file in folder.glob(pattern)),
        key=lambda file: file.stat().st_mtime,
        reverse=True,
    )
    if pointer.is_file():
        named = Path(pointer.read_text(encoding="utf-8").strip())
        found = folder / named.name if (folder / named.name).is_file() else named
        if found.is_file():
            files = [found, *(file for file in files if file.name != found.name)]
        elif not files:
            raise FileNotFoundError(
                f"{pointer} names {named}, which is gone, and there is no other "
                "checkpoint; give one to --resume, or remove that file to start anew"
            )
    damage: DamagedCheckpointError | None = None
    for file in files:
        try:
            check_checkpoint(str(file), f"of {folder}", resumed=True)
        except DamagedCheckpointError as error:
            damage = damage or error
            print_log(f"{error}. Looking for an older one.", level=logging.WARNING)
        else:
            print_log(f"Going on from {file}.")
            return str(file)
    if damage is not None:
        raise damage
    return None


def point_to_checkpoint(work_dir: str, file: str) -> None:
    """Write down which checkpoint a run goes on from.

    Args:
        work_dir: The folder of the run.
        file: The checkpoint. If it lies there, as it should, its name is written, which
            stays true when the folder is moved.
    """
    path = Path(file)
    inside = path.parent.resolve() == Path(work_dir).resolve()
    content = path.name if inside else str(path)
    write_atomically(Path(work_dir) / _POINTER, content.encode())
