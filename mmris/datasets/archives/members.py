"""Reads zip and tar archives and refuses those that are made to do harm.

An archive is read as a list of names, sizes and contents. Nothing of it decides where
something is written: that is :func:`mmris.datasets.archives.places.place_of`.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Photographs and annotations: no published archive comes near either.
MAX_TOTAL = 200 * 10**9
MAX_MEMBERS = 2_000_000
# Annotations become some 10 times smaller, and only small files more than that.
MAX_RATIO = 200
HARMLESS_TOTAL = 10**9
# Longest name of a file in a tar archive, which is read as a whole.
MAX_HEADER = 1 << 16

_CHUNK = 1 << 20
# How packed tar archives begin.
_PACKINGS: dict[bytes, Literal["r:gz", "r:bz2", "r:xz"]] = {
    b"\x1f\x8b": "r:gz",
    b"BZh": "r:bz2",
    b"\xfd7zX": "r:xz",
}

# What the readers raise on archives that are damaged or cut off.
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OverflowError,
    UnicodeError,
    ValueError,
)


class RefusedArchiveError(ValueError):
    """An archive that is damaged, or made to do harm."""


@dataclass(frozen=True)
class Member:
    """A file of an archive.

    Args:
        name: Its path there, with slashes.
        size: Its length in bytes.
        entry: What the reader of the archive knows it by.
    """

    name: str
    size: int
    entry: Any


class _TarInfo(tarfile.TarInfo):
    """A tar header that reads no long name into memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        named = (
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
            tarfile.XHDTYPE,
            tarfile.XGLTYPE,
            tarfile.SOLARIS_XHDTYPE,
        )
        if self.type in named and self.size > MAX_HEADER:
            raise tarfile.ReadError(f"a name of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc]  # not in the stubs


class Archive:
    """A zip or tar archive, open for reading.

    Args:
        path: The file.

    Raises:
        RefusedArchiveError: It is no archive, is damaged, or has links, paths outside,
            or sizes that no published archive has.
        FileNotFoundError: No such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = path.stat().st_size
        with self._explained("its list of files"):
            self._file = _open(path)
        try:
            self.members = self._checked_members()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def open(self, member: Member) -> Iterator[IO[bytes]]:
        """Read a file of the archive.

        Args:
            member: Which.

        Raises:
            RefusedArchiveError: It is damaged.
        """
        with self._explained(member.name):
            if isinstance(self._file, zipfile.ZipFile):
                content: IO[bytes] | None = self._file.open(member.entry)
            else:
                content = self._file.extractfile(member.entry)
            if content is None:
                raise RefusedArchiveError(f"{self.path}: {member.name} is no file")
            with content:
                yield content

    def _checked_members(self) -> list[Member]:
        members: list[Member] = []
        total = 0
        with self._explained("its list of files"):
            for member in self._listed():
                total += member.size
                self._check_sizes(total, len(members) + 1)
                members.append(member)
            if isinstance(self._file, tarfile.TarFile) and self._file.fileobj:
                # The checksum of a packed tar stands behind all of its files.
                while rest := self._file.fileobj.read(_CHUNK):
                    total += len(rest)
                    self._check_sizes(total, len(members))
        return members

    def _listed(self) -> Iterator[Member]:
        if isinstance(self._file, zipfile.ZipFile):
            for entry in self._file.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16)
                # Archives of other systems have no kind.
                self._check(entry.filename, kind not in (0, stat.S_IFREG, stat.S_IFDIR))
                if entry.flag_bits & 1:
                    raise RefusedArchiveError(
                        f"{self.path} is refused: {entry.filename!r:.80} is encrypted"
                    )
                if not entry.is_dir():
                    yield Member(_slashes(entry.filename), entry.file_size, entry)
        else:
            for header in self._file:
                self._check(header.name, not (header.isfile() or header.isdir()))
                if header.isfile():
                    yield Member(_slashes(header.name), header.size, header)

    def _check(self, name: str, is_special: bool) -> None:  # private
        path = _slashes(name)
        if is_special:
            raise RefusedArchiveError(
                f"{self.path} is refused: {name!r:.80} is a link or a device, which no "
                "published archive has"
            )
        outside = path.startswith("/") or ".." in path.split("/") or path[1:2] == ":"
        if outside or not path.isprintable():
            raise RefusedArchiveError(
                f"{self.path} is refused: {name!r:.80} leads out of the folder. Take "
                "the archive from its source"
            )

    def _check_sizes(self, total: int, count: int) -> None:
        unlikely = total > HARMLESS_TOTAL and total > MAX_RATIO * self._size
        if unlikely or total > MAX_TOTAL or count > MAX_MEMBERS:
            raise RefusedArchiveError(
                f"{self.path} is refused: {self._size:,} bytes would become more than "
                f"{total:,} in {count:,} files, as no published archive does"
            )

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except RefusedArchiveError:
            raise
        except _DAMAGED as error:
            reason = " ".join(str(error).split())[:100] or type(error).__name__
            raise RefusedArchiveError(
                f"{self.path} ({self._size:,} bytes) is damaged or cut off ({what}: "
                f"{reason}). Download it again"
            ) from None
        except (OSError, RuntimeError) as error:
            # bz2 has no error of its own, and zipfile goes to places before the file.
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise
            raise RefusedArchiveError(
                f"{self.path} ({self._size:,} bytes) is damaged or cut off ({what}: "
                f"{error}). Download it again"
            ) from None


def _slashes(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")


def _open(path: Path) -> zipfile.ZipFile | tarfile.TarFile:
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"PK"):
        return zipfile.ZipFile(path)
    if start.lstrip()[:1] == b"<":
        raise RefusedArchiveError(
            f"{path} is a web page, not an archive: {start[:40]!r}. Download it again; "
            "links of the Internet Archive need the browser, or an address that ends "
            "in the name of the archive"
        )
    for beginning, mode in _PACKINGS.items():
        if start.startswith(beginning):
            return tarfile.open(path, mode, tarinfo=_TarInfo)
    if start[257:262] == b"ustar":
        return tarfile.open(path, "r:", tarinfo=_TarInfo)
    raise RefusedArchiveError(
        f"{path} begins with {start[:16]!r}, as no zip or tar archive. Download it "
        "again"
    )
