"""Which checkpoint a run starts from or goes on from."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.logging import print_log

from .checkpoint import DamagedCheckpointError, load_checkpoint_file

if TYPE_CHECKING:
    from mmengine.config import Config

# Written at regular intervals or by an interruption; those called best have no
# optimizer's state.
_REGULAR = ("iter_*.pth", "epoch_*.pth", "interrupted_*.pth")
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
    lacking = [key for key in _NEEDED if key not in contents]
    if resumed and lacking:
        raise ValueError(
            f"checkpoint {path} ({option}) holds weights but no state of a training "
            f"(no {', '.join(lacking)}), so that nothing can be resumed from it. Give "
            "one of the files iter_*.pth, or start anew from its weights with "
            "--load-from"
        )
    return path


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

    It is the one that ``last_checkpoint`` names, or the file of this name if the work
    dir was moved. If that one is gone or damaged, the next older is taken, with a
    warning.

    Args:
        work_dir: The folder.

    Returns:
        The file; None if there is no checkpoint.

    Raises:
        FileNotFoundError: ``last_checkpoint`` names one, but there is none.
        DamagedCheckpointError: There are some, none of which is whole.
        ValueError: Reading it would run code.
    """
    folder = Path(work_dir)
    pointer = folder / "last_checkpoint"
    files = sorted(
        (file for pattern in _REGULAR for file in folder.glob(pattern)),
        key=lambda file: file.stat().st_mtime,
        reverse=True,
    )
    if pointer.is_file():
        named = Path(pointer.read_text(encoding="utf-8").strip())
        found = named if named.is_file() else folder / named.name
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
