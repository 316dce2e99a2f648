"""Whether a sentence says where in the picture something is."""

from __future__ import annotations

import re

from mmris.datasets.transforms import mirror_words

# Sides, corners, the middle, depth, order and distance. Left and right in all their
# forms and misspellings are found by what mirroring a picture would change.
_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    top topmost bottom bottommost upper uppermost lower lowest lowermost
    middle center centre central centered corner corners edge side
    front frontmost foreground background back rear behind ahead
    above below under underneath beneath beside between next near nearest nearer
    close closest closer far farthest furthest farther further distant
    first second third fourth fifth sixth north south
        """,
    )
)
_WORD = re.compile(r"[^\W\d_]+")
_SIDE_FORMS = re.compile(r"\b(?:left|right)s?\b", re.IGNORECASE)


def names_a_location(text: str) -> bool:
    """Whether a sentence has a word of place.

    Words of place say where in the picture ("left", "top corner", "middle"), in which
    order ("second from right") or how far ("closest to us"). The list holds what people
    write in RefCOCO; players of RefCOCO+ were asked not to.

    Args:
        text: The sentence.

    Example:
        >>> names_a_location("Rightmost cup"), names_a_location("bright red cup")
        (True, False)
    """
    words = {word.lower() for word in _WORD.findall(text)}
    if words & _WORDS or _SIDE_FORMS.search(text):
        return True
    return mirror_words(text) != text
