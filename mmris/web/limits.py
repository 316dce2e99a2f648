"""What the page takes from anybody, and how it says no.

A refusal is a sentence for the person in front of the page: what is wrong, how much is
allowed, what to do. Nothing of a picture is decoded before its size is known.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from mmris.datasets.transforms import read_image
from mmris.visualization.overlays import fit

if TYPE_CHECKING:
    from collections.abc import Callable

# Clients whose last requests are remembered.
_MAX_CLIENTS = 10_000
_MINUTE = 60.0


class RefusedError(ValueError):
    """Something that the page does not do; the message is for whoever asked."""


@dataclass(frozen=True)
class Limits:
    """How much one request may ask for.

    Attributes:
        megabytes: Size of a picture's file.
        megapixels: Size of a picture.
        side: A picture whose longer side is longer is made smaller, in pixels.
        expressions: Number of expressions.
        characters: Length of one expression.
        requests_per_minute: Of one address.
        queue: Requests that may wait.
        sessions: People whose last result is kept in memory.
    """

    megabytes: int = 20
    megapixels: int = 25
    side: int = 1024
    expressions: int = 8
    characters: int = 200
    requests_per_minute: int = 30
    queue: int = 32
    sessions: int = 32


def check_text(text: str | None, limits: Limits) -> list[str]:
    """The expressions in a text field.

    Args:
        text: One expression a line; blank lines do not count.
        limits: How many there may be, and how long.

    Returns:
        The expressions, without those that are there already.

    Raises:
        RefusedError: There are none, or too many, or one is too long.
    """
    if not isinstance(text, str):
        raise RefusedError("Please write what you are looking for, one thing a line.")
    longest = limits.expressions * (limits.characters + 1)
    lines = [" ".join(line.split()) for line in text[: 4 * longest].splitlines()]
    expressions = list(dict.fromkeys(line for line in lines if line))
    if not expressions:
        raise RefusedError(
            'Please write what you are looking for, such as "the red circle on the '
            'left". Several things go on lines of their own.'
        )
    length = max(map(len, expressions))
    if len(text) > longest or length > limits.characters:
        raise RefusedError(
            f"That is {max(len(text), length):,} characters. Please use at most "
            f"{limits.characters} a line and {limits.expressions} lines."
        )
    if len(expressions) > limits.expressions:
        raise RefusedError(
            f"These are {len(expressions)} expressions. Please ask for at most "
            f"{limits.expressions} at a time."
        )
    return expressions


def read_picture(path: str | None, limits: Limits) -> np.ndarray:
    """Read the picture that somebody sent.

    Args:
        path: The file.
        limits: How large it may be.

    Returns:
        ``(H, W, 3)`` uint8 in BGR order, upright, its longer side at most
        ``limits.side``.

    Raises:
        RefusedError: There is none, it is too large, or it is no picture.
    """
    if not path or not Path(path).is_file():
        raise RefusedError("Please choose a picture first, or one of the examples.")
    size = Path(path).stat().st_size
    if size > limits.megabytes * 1e6:
        raise RefusedError(
            f"This file has {size / 1e6:.0f} MB. Please send at most "
            f"{limits.megabytes} MB."
        )
    unreadable = (
        "This file is not a picture that can be read. Please send a whole JPEG, PNG or "
        "WebP file."
    )
    try:
        with Image.open(path) as image:
            width, height = image.size
    except Image.DecompressionBombError:
        raise RefusedError(_too_large("far too many pixels", limits)) from None
    except Exception:  # Pillow's readers raise anything on a damaged file
        raise RefusedError(unreadable) from None
    pixels = width * height / 1e6
    if pixels > limits.megapixels:
        found = f"{width} x {height} pixels, {pixels:.0f} megapixels"
        raise RefusedError(_too_large(found, limits))
    if min(width, height) < 2 or max(width, height) > 50 * min(width, height):
        raise RefusedError(
            f"This picture has {width} x {height} pixels, which is too narrow to find "
            "anything in. Please send another."
        )
    try:
        picture = read_image(Path(path), apply_exif=True)
    except (OSError, ValueError, MemoryError):
        raise RefusedError(unreadable) from None
    return np.ascontiguousarray(fit(picture, min_side=1, max_side=limits.side))


def _too_large(found: str, limits: Limits) -> str:
    return (
        f"This picture has {found}. Please make it smaller: at most "
        f"{limits.megapixels} megapixels."
    )


class RateLimit:
    """Counts the requests of each address in the last minute.

    Args:
        per_minute: How many are allowed.
        clock: Seconds since any moment.
    """

    def __init__(
        self, per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_minute = per_minute
        self.clock = clock
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, client: str) -> None:
        """Count a request.

        Args:
            client: The address that it comes from.

        Raises:
            RefusedError: There were too many; this one does not count.
        """
        now = self.clock()
        with self._lock:
            times = self._times.setdefault(client, deque())
            self._times.move_to_end(client)
            while len(self._times) > _MAX_CLIENTS:
                self._times.popitem(last=False)
            while times and now - times[0] >= _MINUTE:
                times.popleft()
            if len(times) >= self.per_minute:
                wait = max(1, round(_MINUTE - (now - times[0])))
                raise RefusedError(
                    f"That were {self.per_minute} requests within a minute. Please "
                    f"wait {wait} seconds."
                )
            times.append(now)
