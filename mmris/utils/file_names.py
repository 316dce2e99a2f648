"""Names of files that are made from what users write."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_SLUG = 40


def slug(text: str) -> str:
    """A part of a file name that every system takes; empty if no letter is left.

    Args:
        text: Any string.

    Returns:
        Letters from a to z, digits and hyphens, at most :data:`MAX_SLUG`.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if len(words) <= MAX_SLUG:
        return words
    # Between words where possible.
    return words[: MAX_SLUG + 1].rpartition("-")[0] or words[:MAX_SLUG]


def distinct_slugs(texts: Iterable[str], *, empty: str) -> list[str]:
    """Slugs of several texts, no two of them equal.

    Args:
        texts: Any strings.
        empty: What stands for a text of which no letter is left.

    Returns:
        As many slugs, those that would be equal with a number behind them.
    """
    taken: set[str] = set()
    names = []
    for text in texts:
        base = slug(text) or empty
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        names.append(name)
    return names


def printable(text: str) -> str:
    """A text short enough for a line of the terminal.

    Args:
        text: Any string.
    """
    return text if len(text) <= 80 else f"{text[:77]}..."
