"""Which state of a repository a program runs from."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def git_state(folder: Path) -> tuple[str | None, bytes]:
    """The commit that is checked out, and what differs from it.

    Args:
        folder: A folder of the repository.

    Returns:
        The commit, None outside of a repository or without git; the difference of the
        files that git knows, as ``git diff`` shows it.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None, b""
    return commit.decode().strip(), _git(folder, "diff", "HEAD") or b""


def _git(folder: Path, *arguments: str) -> bytes | None:
    try:
        return subprocess.check_output(
            ["git", "-C", str(folder), *arguments],
            stderr=subprocess.DEVNULL,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
