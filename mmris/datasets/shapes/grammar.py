"""Puts a description into words, in one of several ways.

The words are a closed list: :data:`WORDS`. Those for sides come in pairs, so that a
mirrored picture gets its sentence by exchanging ``left`` with ``right`` and
``leftmost`` with ``rightmost``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .attributes import COLOR_NAMES, SHAPES
from .random_stream import pick
from .semantics import PLACES, RELATIONS, SUPERLATIVES

if TYPE_CHECKING:
    import random

    from .semantics import Description, Noun

THE_SHARE = 0.6
GENERIC_HEADS = ("shape", "object", "one")
SIZE_WORDS = {"small": ("small", "little"), "large": ("large", "big")}
TEXTURE_WORDS = {"plain": ("plain",), "striped": ("striped",), "dotted": ("dotted",)}
TEXTURE_ENDINGS = {"striped": "with stripes", "dotted": "with dots"}

# {} is the noun; a form without "the" in front of it gets one or not at random.
SUPERLATIVE_WORDS = {
    "largest": ("largest", "biggest"),
    "smallest": ("smallest",),
    "leftmost": ("leftmost",),
    "rightmost": ("rightmost",),
    "topmost": ("topmost", "highest"),
    "lowest": ("lowest",),
}
RELATION_WORDS = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "higher than"),
    "below": ("below", "under"),
}


def _place_forms() -> dict[str, tuple[str, ...]]:
    forms: dict[str, tuple[str, ...]] = {
        side: (f"{{}} on the {side}", f"{{}} on the {side} side", f"{side} {{}}")
        for side in ("left", "right")
    }
    for side in ("top", "bottom"):
        forms[side] = (f"{{}} at the {side}", f"{side} {{}}")
        for other in ("left", "right"):
            corner = f"{side} {other}"
            forms[corner] = (
                f"{{}} at the {corner}",
                f"{{}} in the {corner} corner",
                f"{corner} {{}}",
            )
    forms["middle"] = ("{} in the middle", "{} in the center", "middle {}")
    return forms


PLACE_FORMS = _place_forms()


def _forms(qualifier: str) -> tuple[str, ...]:
    if not qualifier:
        return ("{}",)
    if qualifier in PLACE_FORMS:
        return PLACE_FORMS[qualifier]
    if qualifier in SUPERLATIVE_WORDS:
        return tuple(f"{word} {{}}" for word in SUPERLATIVE_WORDS[qualifier])
    return tuple(f"{{}} {words} the {{}}" for words in RELATION_WORDS[qualifier])


FORMS = {name: _forms(name) for name in ("", *PLACES, *SUPERLATIVES, *RELATIONS)}


def phrase(rng: random.Random, description: Description) -> str:
    """Say a description.

    Args:
        rng: Chooses among the ways to say it.
        description: What to say.

    Returns:
        Lower-case words, single spaces, no punctuation.
    """
    form = pick(rng, FORMS[description.qualifier])
    nouns = [_noun_words(rng, description.noun)]
    if description.qualifier in RELATIONS:
        nouns.append(_noun_words(rng, description.landmark))
    text = form.format(*nouns)
    return f"the {text}" if rng.random() < THE_SHARE else text


def _noun_words(rng: random.Random, noun: Noun) -> str:
    words, ending = [], ""
    if noun.size:
        words.append(pick(rng, SIZE_WORDS[noun.size]))
    if noun.texture in TEXTURE_ENDINGS and rng.random() < 0.5:
        ending = TEXTURE_ENDINGS[noun.texture]
    elif noun.texture:
        words.append(pick(rng, TEXTURE_WORDS[noun.texture]))
    if noun.color:
        words.append(noun.color)
    words.append(noun.shape or pick(rng, GENERIC_HEADS))
    if ending:
        words.append(ending)
    return " ".join(words)


def _all_words() -> frozenset[str]:
    texts = [text.replace("{}", "") for forms in FORMS.values() for text in forms]
    texts += [word for words in SIZE_WORDS.values() for word in words]
    texts += [word for words in TEXTURE_WORDS.values() for word in words]
    texts += ["the", *TEXTURE_ENDINGS.values(), *GENERIC_HEADS, *COLOR_NAMES, *SHAPES]
    return frozenset(word for text in texts for word in text.split())


WORDS = _all_words()
