"""Unpacks published archives into place, whole files or none."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from .members import Archive, Member, RefusedArchiveError
from .places import place_of

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 20
_PART = ".mmris-part"
# Files that no dataset has; some systems put them into every archive.
_JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db")
MAX_LISTED = 5


@dataclass
class Unpacked:
    """What became of an archive.

    Args:
        written: Files that were written, below the data root.
        kept: Files that were there already, equal to those of the archive.
        passed_over: Files of the archive that nothing reads.
    """

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What an archive would write.

    Args:
        targets: Each file of the archive that belongs somewhere, and where.
        passed_over: Files of the archive that nothing reads.
    """

    targets: tuple[tuple[Member, str], ...]
    passed_over: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes that it would write."""
        return sum(member.size for member, _ in self.targets)


def plan(archive: Archive) -> Plan:
    """Say where the files of an archive belong.

    Args:
        archive: The archive.

    Raises:
        RefusedArchiveError: Nothing of it belongs anywhere, or two files belong to the
            same place.
    """
    targets: dict[str, Member] = {}
    others = []
    for member in archive.members:
        parts = member.name.split("/")
        if any(part in _JUNK or part.startswith("._") for part in parts):
            continue
        place = place_of(member.name, archive.path.name)
        if place is None:
            others.append(member.name)
        elif place in targets:
            raise RefusedArchiveError(
                f"{archive.path} has two files for {place}: {targets[place].name!r} "
                f"and {member.name!r}. Unpack the right one by hand"
            )
        else:
            targets[place] = member
    if not targets:
        names = ", ".join(others[:MAX_LISTED]) or "nothing"
        raise RefusedArchiveError(
            f"{archive.path} has no file of a dataset that is known here; it has "
            f"{names}{', ...' if len(others) > MAX_LISTED else ''}. See "
            "docs/en/data_preparation.md for the archives and how folders must look"
        )
    return Plan(tuple((m, place) for place, m in targets.items()), tuple(others))


def unpack(archive: Archive, root: Path, *, overwrite: bool = False) -> Unpacked:
    """Unpack an archive into place.

    A file gets its name when all of it is on the disk. One that is there already is
    compared with the archive's and kept if they are equal, so that a second run goes on
    where the first one stopped.

    Args:
        archive: The archive.
        root: The data root.
        overwrite: Replace files that differ from those of the archive.

    Raises:
        FileExistsError: A file differs from the archive's, and is not to be replaced.
        RefusedArchiveError: The archive is damaged, or not for this.
        OSError: Something cannot be written, or there is no space.
    """
    chosen = plan(archive)
    _check_free(archive, chosen, root)
    if not overwrite:
        for member, place in chosen.targets:
            path = root / place
            if path.exists() and _size(path) != member.size:
                raise _exists(path, archive)
    result = Unpacked(passed_over=list(chosen.passed_over))
    for member, place in chosen.targets:
        path = root / place
        if path.is_file() and path.stat().st_size == member.size:
            with archive.open(member) as content, path.open("rb") as present:
                if _equal(content, present):
                    result.kept.append(place)
                    continue
            if not overwrite:
                raise _exists(path, archive)
        _write(archive, member, path)
        result.written.append(place)
    return result


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _exists(path: Path, archive: Archive) -> FileExistsError:
    return FileExistsError(
        f"{path} is there and differs from that of {archive.path}. Give another root, "
        "move it away, or replace it with --overwrite"
    )


def _equal(one: IO[bytes], other: IO[bytes]) -> bool:
    while True:
        first = one.read(_CHUNK)
        if first != other.read(_CHUNK):
            return False
        if not first:
            return True


def _write(archive: Archive, member: Member, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}{_PART}")
    try:
        with archive.open(member) as content, temporary.open("wb") as file:
            shutil.copyfileobj(content, file, _CHUNK)
        if temporary.stat().st_size != member.size:
            raise RefusedArchiveError(
                f"{archive.path} is cut off in {member.name!r}. Download it again"
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _check_free(archive: Archive, chosen: Plan, root: Path) -> None:
    needed = sum(m.size for m, place in chosen.targets if not (root / place).exists())
    folder = next(path for path in (root, *root.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{archive.path} needs {needed:,} bytes in {root}, where {free:,} are free"
        )
