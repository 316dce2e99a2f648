"""Finds sentences for a scene: proposes some and keeps those true of one shape.

A proposal knows its target; :class:`SceneFacts` judges the description without knowing
it. What is not true of exactly one shape is thrown away and another proposal made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .attributes import HELD_OUT_PAIRS
from .grammar import phrase
from .random_stream import pick
from .semantics import (
    EXTENT_SUPERLATIVES,
    SIDE_SUPERLATIVES,
    Description,
    Noun,
    SceneFacts,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from .scene import Scene, SceneObject

KINDS = ("attribute", "place", "superlative", "relation")
TRIES = 60
# Where the noun alone would do, a place or relation is added in this share of the
# draws, as people do: about one such sentence in four. In all others it decides.
REDUNDANT_SHARE = 0.15

# Which attributes a sentence mentions, with cumulative shares.
_ATTRIBUTE_NOUNS = (
    (0.48, frozenset(("color", "shape"))),
    (0.72, frozenset(("size", "color", "shape"))),
    (0.84, frozenset(("texture", "color", "shape"))),
    (0.90, frozenset(("size", "shape"))),
    (0.95, frozenset(("color",))),
    (1.0, frozenset(("shape",))),
)
_HELD_OUT_NOUNS = (
    (0.57, frozenset(("color", "shape"))),
    (0.86, frozenset(("size", "color", "shape"))),
    (1.0, frozenset(("texture", "color", "shape"))),
)
_QUALIFIED_NOUNS = (
    (0.40, frozenset(("shape",))),
    (0.75, frozenset(("color", "shape"))),
    (0.90, frozenset(("color",))),
    (1.0, frozenset[str]()),
)
_LANDMARK_NOUNS = (
    (0.70, frozenset(("color", "shape"))),
    (0.85, frozenset(("shape",))),
    (1.0, frozenset(("size", "color", "shape"))),
)
_SUPERLATIVE_CHOICES = (*EXTENT_SUPERLATIVES, *EXTENT_SUPERLATIVES, *SIDE_SUPERLATIVES)


class Sentence(NamedTuple):
    """One sentence about a scene.

    Attributes:
        target: The object that it is true of.
        kind: One of :data:`KINDS`.
        text: Its words.
        description: What it says.
    """

    target: int
    kind: str
    text: str
    description: Description


def write_sentences(
    rng: random.Random, scene: Scene, kinds: Sequence[str], *, held_out: bool
) -> list[Sentence]:
    """Write sentences of given kinds, no two with the same words.

    Args:
        rng: Where all choices come from.
        scene: The scene.
        kinds: Kind of each sentence.
        held_out: Whether attribute sentences name kept-back pairs of colour and shape.

    Returns:
        The sentences in the order of ``kinds``, fewer if the scene does not offer them
        or if all but one sentence would have to speak of one object.
    """
    facts = SceneFacts(scene)
    sentences: list[Sentence] = []
    used: set[str] = set()
    for kind in kinds:
        last = len(sentences) == len(kinds) - 1 > 0
        for _ in range(TRIES):
            sentence = _propose(rng, facts, kind, held_out=held_out)
            if sentence is None or sentence.text in used:
                continue
            if last and all(sentence.target == other.target for other in sentences):
                continue
            used.add(sentence.text)
            sentences.append(sentence)
            break
        else:
            break
    return sentences


def _propose(
    rng: random.Random, facts: SceneFacts, kind: str, *, held_out: bool
) -> Sentence | None:
    target = int(rng.random() * len(facts.objects))
    entry = facts.objects[target]
    if kind == "attribute":
        if held_out and (entry.color, entry.shape) not in HELD_OUT_PAIRS:
            return None
        table = _HELD_OUT_NOUNS if held_out else _ATTRIBUTE_NOUNS
        noun = _draw_noun(rng, entry, table)
        description = None if noun is None else Description(noun)
    else:
        description = _propose_qualified(rng, facts, kind, target)
    if description is None or not facts.truth(description).names(target):
        return None
    return Sentence(target, kind, phrase(rng, description), description)


def _propose_qualified(
    rng: random.Random, facts: SceneFacts, kind: str, target: int
) -> Description | None:
    entry = facts.objects[target]
    # These mention neither size nor texture, so there is always a noun.
    noun = _draw_noun(rng, entry, _QUALIFIED_NOUNS) or Noun()
    alone = facts.having(noun).names(target)
    if alone and (kind == "superlative" or rng.random() >= REDUNDANT_SHARE):
        return None
    if kind == "superlative":
        return Description(noun, pick(rng, _SUPERLATIVE_CHOICES))
    if kind == "place":
        places = facts.places_of(target)
        return Description(noun, pick(rng, places)) if places else None
    other = pick(rng, facts.objects)
    landmark = _draw_noun(rng, other, _LANDMARK_NOUNS)
    if other is entry or landmark is None:
        return None
    return Description(noun, _direction(entry, other), landmark)


def _direction(entry: SceneObject, other: SceneObject) -> str:
    """The one relation of an object to another that has a chance to be true."""
    right = entry.center[0] - other.center[0]
    down = entry.center[1] - other.center[1]
    if abs(right) > abs(down):
        return "right of" if right > 0 else "left of"
    return "below" if down > 0 else "above"


def _draw_noun(
    rng: random.Random,
    entry: SceneObject,
    table: tuple[tuple[float, frozenset[str]], ...],
) -> Noun | None:
    """Attributes to mention, or None if one of them cannot be said."""
    draw = rng.random()
    names = next(names for share, names in table if draw < share)
    if entry.size == "medium" and "size" in names:
        return None
    if entry.size == "small" and "texture" in names:
        return None
    return Noun(
        entry.color if "color" in names else "",
        entry.shape if "shape" in names else "",
        entry.size if "size" in names else "",
        entry.texture if "texture" in names else "",
    )
