"""Masks as run lengths, counted without ever making pixels of them.

A mask of 480x640 has 300,000 pixels and some hundred runs. Areas and intersections
follow from the ends of the runs, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

# 5 bits a character: more of them than this are no number of pixels.
_MAX_CHARACTERS = 7
# No picture has more. Sums of run lengths up to this never exceed 64 bits.
_MAX_PIXELS = 2**32


@dataclass(frozen=True)
class MaskRuns:
    """The runs of a mask, column by column as COCO counts pixels.

    Attributes:
        size: Height and width.
        ends: ``(R,)`` int64, the pixel after each run; runs of background and mask take
            turns, the first is background and may be empty.
        inside: ``(R + 1,)`` int64, pixels of the mask before the start and before each
            end.
    """

    size: tuple[int, int]
    ends: np.ndarray
    inside: np.ndarray

    @classmethod
    def from_counts(
        cls, counts: str | bytes | Sequence[int], size: Sequence[int]
    ) -> MaskRuns:
        """Read COCO's run lengths.

        Args:
            counts: Compressed, or a list of run lengths.
            size: Height and width.

        Raises:
            ValueError: They are malformed, or do not cover the picture exactly, or no
                picture has this size.
        """
        height, width = (int(length) for length in size)
        total = height * width
        if height < 1 or width < 1 or total > _MAX_PIXELS:
            raise ValueError(
                f"a mask of height {height} and width {width} is none; give the size "
                "of the picture"
            )
        if isinstance(counts, (str, bytes)):
            runs = decompress(counts)
        elif not counts or any(type(run) is not int for run in counts):
            raise ValueError(f"run lengths {counts!r:.60} are no list of ints")
        else:
            # What lies outside is wrong in any case, and sums of it overflow 64 bits.
            bounded = [max(-1, min(run, total + 1)) for run in counts]
            runs = np.asarray(bounded, dtype=np.int64)
        # Programs in C that trust these numbers loop for ever or leave pixels unset.
        if runs.min() < 0 or runs.sum() != total:
            given = counts if isinstance(counts, list) else runs.tolist()
            raise ValueError(
                f"run lengths {counts!r:.60} are malformed: they have the sum "
                f"{sum(given)}, and a picture of height {height} and width {width} has "
                f"{total} pixels; none may be negative"
            )
        inside = np.zeros(len(runs) + 1, dtype=np.int64)
        inside[2::2] = runs[1::2]
        return cls((height, width), np.cumsum(runs), np.cumsum(inside))

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(self.inside[-1])

    def intersection(self, other: MaskRuns) -> int:
        """Pixels that are in both masks.

        Args:
            other: A mask of the same size.
        """
        # Between two ends the number of the other's pixels grows by 0 or 1 a pixel, so
        # that linear interpolation, in float64, is exact.
        ends = np.concatenate([[0], other.ends])
        at = np.interp(self.ends, ends, other.inside)
        starts, stops = at[0::2], at[1::2]
        return int((stops - starts[: len(stops)]).sum())


def decompress(counts: str | bytes) -> np.ndarray:
    """Run lengths of COCO's compressed form.

    A number is its groups of 5 bits, lowest first, each a character from code 48 on;
    bit 5 says that another group follows, bit 4 of the last group is the sign. From the
    fourth number on it is the difference to the number two places before.

    Args:
        counts: The characters.

    Returns:
        ``(R,)`` int64.

    Raises:
        ValueError: A character is not one of those, or the last number is cut off.
    """
    code: Any = counts
    if isinstance(counts, str):
        code = counts.encode("utf-8", "surrogatepass")
    groups = np.frombuffer(code, dtype=np.uint8).astype(np.int64) - 48
    last = (groups & 0x20) == 0
    if not len(groups) or groups.min() < 0 or groups.max() > 63 or not last[-1]:
        raise ValueError(
            f"run lengths {counts!r:.60} are malformed: this is not COCO's compressed "
            "form"
        )
    stops = np.flatnonzero(last)
    starts = np.concatenate([[0], stops[:-1] + 1])
    lengths = stops - starts + 1
    if lengths.max() > _MAX_CHARACTERS:
        raise ValueError(
            f"run lengths {counts!r:.60} are malformed: a number has "
            f"{int(lengths.max())} characters"
        )
    shifts = 5 * (np.arange(len(groups)) - np.repeat(starts, lengths))
    runs: np.ndarray = np.add.reduceat((groups & 0x1F) << shifts, starts)
    runs -= np.where(groups[stops] & 0x10, np.int64(1) << (5 * lengths), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
