"""Files of weights from a path or an address, with the checksum that they must have."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import unquote, urlparse
from urllib.request import urlopen

import torch
from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

SCHEMES = ("http", "https", "file")
_BLOCK = 1 << 20
# Seconds without a byte, after which a server is given up.
_TIMEOUT = 60


def find_weights(address: str | Path, sha256: str | None = None) -> Path:
    """The file of a path, or the copy of an address in the cache.

    A download is checked before it gets its name, so that a file in the cache is whole
    and has its checksum, whatever stopped an earlier one. The cache is the folder
    ``mmris`` beside torch's own checkpoints (``TORCH_HOME``).

    Args:
        address: A path, or an address with http, https or file.
        sha256: Checksum of the file, 64 hexadecimal digits. An address needs one.

    Returns:
        A file with this checksum.

    Raises:
        FileNotFoundError: No such file.
        OSError: The address cannot be read.
        ValueError: The checksum is missing, malformed or another.
    """
    if sha256 is not None:
        sha256 = _checked_digits(sha256)
    if "://" not in str(address):
        return _local(Path(address).expanduser(), sha256)
    parts = urlparse(str(address))
    name = Path(unquote(parts.path)).name
    if parts.scheme not in SCHEMES or not name:
        raise ValueError(
            f"the address {address} is not one of a file; give a path or an address "
            f"that begins with {', '.join(SCHEMES)}"
        )
    if sha256 is None:
        raise ValueError(
            f"the file at {address} could be anything: say its checksum as well "
            "(--sha256, what 'sha256sum FILE' prints), or give the path of a copy"
        )
    cached = Path(torch.hub.get_dir()) / "mmris" / sha256[:16] / name
    if not cached.is_file() or sha256_of(cached) != sha256:
        _download(str(address), cached, sha256)
    return cached


def sha256_of(path: Path) -> str:
    """Checksum of a file, 64 hexadecimal digits.

    Args:
        path: The file.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in _blocks(file):
            digest.update(block)
    return digest.hexdigest()


def _checked_digits(sha256: str) -> str:
    digits = sha256.strip().lower()
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise ValueError(
            f"the checksum {sha256!r:.80} is no SHA-256: give 64 hexadecimal digits, "
            "as 'sha256sum FILE' prints them"
        )
    return digits


def _local(path: Path, sha256: str | None) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; correct the path")
    if sha256 is not None:
        _compare(sha256_of(path), sha256, str(path))
    return path


def _compare(found: str, expected: str, source: str) -> None:
    if found != expected:
        raise ValueError(
            f"{source} has the checksum {found}, not {expected}: it is damaged or "
            "another file, and is refused. Copy or download it again, or correct the "
            "checksum"
        )


def _download(address: str, target: Path, sha256: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not the number of the process: other hosts and containers have the same ones.
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    digest = hashlib.sha256()
    try:
        with urlopen(address, timeout=_TIMEOUT) as source, part.open("wb") as file:
            total = int(source.headers.get("Content-Length") or 0) or None
            with tqdm(
                total=total,
                desc=target.name,
                unit="B",
                unit_scale=True,
                disable=None,  # where nobody watches
            ) as progress:
                for block in _blocks(source):
                    file.write(block)
                    digest.update(block)
                    progress.update(len(block))
            file.flush()
            # Without it a power cut could leave the name and no content.
            os.fsync(file.fileno())
        _compare(digest.hexdigest(), sha256, address)
        os.replace(part, target)
    except (OSError, URLError) as error:
        raise OSError(
            f"{address} cannot be downloaded: {error}. Without a network, copy the "
            f"file to {target}"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block
