"""Files that are there whole or not at all, whatever stops the program."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.fileio import LocalBackend, register_backend

if TYPE_CHECKING:
    from typing_extensions import Buffer

BACKEND = "atomic"


def write_atomically(path: str | Path, content: Buffer) -> None:
    """Write a file beside its name and rename it when it is on the disk.

    Processes that write the same file at once, also on several hosts, each write a
    whole one, and the last stays.

    Args:
        path: The file; one that is there is replaced.
        content: All of it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not the number of the process: other hosts and containers have the same ones.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            # Without it a power cut could leave the new name and no content.
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@register_backend(BACKEND)
class AtomicLocalBackend(LocalBackend):
    """MMEngine's local files, written by :func:`write_atomically`."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes.

        Args:
            obj: The content.
            filepath: The file.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        try:
            write_atomically(filepath, obj)
        except OSError as error:
            raise OSError(
                f"{filepath} cannot be written: {error.strerror or error}. What was "
                "saved before is whole. Make room, or let the folder be written, and "
                "go on with --resume"
            ) from error
