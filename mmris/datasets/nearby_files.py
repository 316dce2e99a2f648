"""Finds what is missing where it usually lies instead: a folder further up or down."""

from __future__ import annotations

from pathlib import Path

# Most names shown of a folder's content.
MAX_LISTED = 12


def find_one_level_off(folder: Path, name: str) -> Path | None:
    """Look for a file that is missing in a folder in the folders around.

    Args:
        folder: Where the file was wanted.
        name: Name of the file, or its path below the folder.

    Returns:
        Where the file is: in the folder above, in one of its own folders (if it is not
        there, in one beside it), or, if the name begins with a folder, without that
        one. None if nowhere there.
    """
    folder = folder.absolute()
    wanted = Path(name)
    candidates = [folder.parent / wanted]
    if len(wanted.parts) > 1:
        candidates.append(folder.joinpath(*wanted.parts[1:]))
    # Beside a folder that is there lie others with files of the same names: val, test.
    start = folder if folder.is_dir() else folder.parent
    if start.is_dir():
        below = sorted(entry for entry in start.iterdir() if entry.is_dir())
        candidates += [entry / wanted for entry in below]
    return next((path for path in candidates if path.is_file()), None)


def what_lies_at(folder: Path) -> str:
    """Say what is in a folder, or in the nearest one above it that exists.

    Args:
        folder: The folder.

    Returns:
        A clause for a message, such as "in /data there is refcoco, images".
    """
    existing = next(
        path for path in [folder, *folder.absolute().parents] if path.is_dir()
    )
    names = sorted(path.name for path in existing.iterdir())
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    listed = ", ".join(names[:MAX_LISTED]) or "nothing"
    return f"in {existing} there is {listed}{more}"
