"""Colours that stay apart for every kind of colour vision.

From the palette of Okabe and Ito, "Color Universal Design" (2008).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Color: TypeAlias = tuple[int, int, int]

ORANGE: Color = (230, 159, 0)
SKY_BLUE: Color = (86, 180, 233)
BLUISH_GREEN: Color = (0, 158, 115)
YELLOW: Color = (240, 228, 66)
BLUE: Color = (0, 114, 178)
VERMILION: Color = (213, 94, 0)
REDDISH_PURPLE: Color = (204, 121, 167)

# Orange and blue stay apart in grey as well.
PREDICTION_COLOR = ORANGE
TRUTH_COLOR = BLUE

# Neighbours differ much; those that are close to an earlier one come last.
_ORDER = (ORANGE, BLUE, BLUISH_GREEN, REDDISH_PURPLE, SKY_BLUE, VERMILION, YELLOW)
# Length of the dashes and of the gaps between them, in widths of the line; 0 is none.
_DASHES = ((0, 0), (6, 4), (2, 2))


class LineStyle(NamedTuple):
    """How an outline is drawn.

    Attributes:
        color: In RGB order.
        dash: Length of its dashes, in widths of the line; 0 is an unbroken line.
        gap: Length of the gaps between them, in widths of the line.
    """

    color: Color
    dash: int = 0
    gap: int = 0


def line_style(number: int) -> LineStyle:
    """The style of the n-th of several masks.

    The seven colours come first with unbroken outlines, then with dashed and with
    dotted ones; after 21 styles they start anew.

    Args:
        number: From 0 on.
    """
    dash, gap = _DASHES[number // len(_ORDER) % len(_DASHES)]
    return LineStyle(_ORDER[number % len(_ORDER)], dash, gap)
