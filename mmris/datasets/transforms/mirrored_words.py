"""Words for left and right that change places when a picture is mirrored."""

from __future__ import annotations

import re

# As people typed them; each has one sense in sentences about pictures. "let", "lest",
# "lift", "fight" and "light" stand for a side now and then, but are words themselves.
_LEFT_TYPOS = "lft lef leftt lefft laft lfet elft eft lrft lkeft ledt lefdt lesft"
_RIGHT_TYPOS = (
    "rigth righ rigt rght riht rihgt rgiht irght ight righth righr rightt rihght roght "
    "ruight rite"
)
_OTHER_WORDS = {
    "lefy": "righty",
    "east": "west",
    "west": "east",
    "eastern": "western",
    "western": "eastern",
    "clockwise": "counterclockwise",
    "counterclockwise": "clockwise",
    "anticlockwise": "clockwise",
}
_WORDS = {
    **dict.fromkeys(_LEFT_TYPOS.split(), "right"),
    **dict.fromkeys(_RIGHT_TYPOS.split(), "left"),
    **_OTHER_WORDS,
}

# Words that hold "left" or "right" but no side. Any other word that holds one is a form
# of it or has been glued to it ("leftmost", "lefty", "theleft", "bottomright").
_NO_SIDE = re.compile(
    r"cleft\w*|leftovers?|(?:al|a|up|down|out|forth|birth|copy)right\w*|\w*wrights?"
    r"|fright\w*|rightful\w*|righteous\w*"
)
# The b keeps "bright", which is glued to other words as well.
_SIDE = re.compile(r"left|(?<!b)right", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")

# "right behind her" says how close, "on the right behind her" says where: the word in
# front tells. Both stand in lists because sentences seldom have more grammar than this.
_CLOSENESS = re.compile(
    r"\s+(?:behind|next|in front|above|below|under|underneath|beneath|beside|besides"
    r"|near|against|between|by|side up)\b",
    re.IGNORECASE,
)
_PLACE_BEFORE = re.compile(
    r"\b(?:on|in|to|at|from|the|of|far|most|upper|lower|top|bottom|middle|center|front"
    r"|back|side|corner|way|first|second|third|left|tilted)\W*$",
    re.IGNORECASE,
)

_HOUR_NAMES = "one two three four five six seven eight nine ten eleven twelve"
_HOURS = {name: hour for hour, name in enumerate(_HOUR_NAMES.split(), start=1)}
_NAMES = {hour: name for name, hour in _HOURS.items()}
_CLOCK = re.compile(
    rf"(?<![\w:.])(at)?(1[0-2]|[1-9]|{'|'.join(_HOURS)})(?=\s?[o0]\s?['\u2019`]?\s?clock\b)",
    re.IGNORECASE,
)


def mirror_words(text: str) -> str:
    """Swap left and right in a sentence, for a picture mirrored left to right.

    Changed are ``left`` and ``right`` in all their forms (``leftmost``, ``left-hand``,
    ``lefty``, ``bottomright``) and usual misspellings, ``east`` and ``west``, the hour
    of "3 o'clock" and the sense of ``clockwise``; the case is kept. Unchanged are words
    such as ``bright``, ``upright`` or ``leftover``, ``right`` before a preposition
    where it says how close ("right behind her"), and the letters ``l`` and ``r``, which
    hardly ever mean a side.

    Args:
        text: The sentence.

    Returns:
        The sentence about the mirrored picture.

    Example:
        >>> mirror_words("Leftmost bright cup, right-hand side, at 2 o'clock")
        "Rightmost bright cup, left-hand side, at 10 o'clock"
    """
    return _CLOCK.sub(_mirror_hour, _WORD.sub(_mirror_word, text))


def _mirror_word(match: re.Match[str]) -> str:
    word = match[0]
    lower = word.lower()
    if lower in _WORDS:
        return _with_case_of(word, _WORDS[lower])
    if _NO_SIDE.fullmatch(lower) or (lower == "right" and _says_how_close(match)):
        return word
    return _SIDE.sub(_mirror_side, word)


def _mirror_side(match: re.Match[str]) -> str:
    other = "right" if match[0].lower() == "left" else "left"
    return _with_case_of(match[0], other)


def _says_how_close(match: re.Match[str]) -> bool:
    before, after = match.string[: match.start()], match.string[match.end() :]
    return bool(_CLOSENESS.match(after)) and not _PLACE_BEFORE.search(before)


def _mirror_hour(match: re.Match[str]) -> str:
    glued, hour = match[1] or "", match[2]
    number = _HOURS[hour.lower()] if hour.isalpha() else int(hour)
    mirrored = 12 - number % 12
    other = _with_case_of(hour, _NAMES[mirrored]) if hour.isalpha() else str(mirrored)
    return glued + other


def _with_case_of(model: str, word: str) -> str:
    if model.isupper():
        return word.upper()
    return word.capitalize() if model[0].isupper() else word
