"""Of which shapes of a scene a description is true.

Every answer has three values: a description is true of a shape, false of it, or neither
because a person could argue. A sentence may only be used if it is true of one shape and
false of all others, so that no borderline case is ever a target or a distractor.

Centres are those of the visible pixels. What the words mean:

* A texture is true of medium and large shapes that have it; of a small one, where only
  a few dots or stripes have room, one could argue.
* ``left``: the centre lies in the left 38 % of the picture; not left from 52 % on. The
  other sides likewise; a corner is both of its sides at once.
* ``middle``: the centre is within 13 % of the middle along both axes; not in the middle
  from 25 % on along either.
* ``largest``, ``smallest``: radius and visible area are both 1.25 times those of every
  other candidate (or less by that factor).
* ``leftmost`` and so on: the centre leads that of every other candidate by 8 % of the
  picture, and the outermost visible pixel leads as well.
* ``above``: the centre is higher by 10 % of the shorter side, and the distance up is
  1.5 times the distance sideways; not above if it is not higher, or if the distance
  sideways is twice that upwards. The other directions likewise.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from .attributes import SIZE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .scene import Scene, SceneObject

LEFT, RIGHT, TOP, BOTTOM = "left", "right", "top", "bottom"
SIDES = (LEFT, RIGHT, TOP, BOTTOM)
MIDDLE = "middle"
CORNERS = {
    f"{vertical} {horizontal}": (vertical, horizontal)
    for vertical in (TOP, BOTTOM)
    for horizontal in (LEFT, RIGHT)
}
PLACES = (*SIDES, MIDDLE, *CORNERS)
EXTENT_SUPERLATIVES = ("largest", "smallest")
SIDE_SUPERLATIVES = {
    "leftmost": LEFT,
    "rightmost": RIGHT,
    "topmost": TOP,
    "lowest": BOTTOM,
}
SUPERLATIVES = (*EXTENT_SUPERLATIVES, *SIDE_SUPERLATIVES)
RELATIONS = {"left of": LEFT, "right of": RIGHT, "above": TOP, "below": BOTTOM}

SIDE_WITHIN, SIDE_BEYOND = 0.38, 0.52
MIDDLE_WITHIN, MIDDLE_BEYOND = 0.13, 0.25
EXTENT_FACTOR = 1.25
LEAD = 0.08
RELATION_DISTANCE = 0.10
RELATION_WITHIN, RELATION_BEYOND = 1.5, 2.0


class Noun(NamedTuple):
    """Attributes that a shape must have; an empty one does not matter.

    Attributes:
        color: Name of the colour.
        shape: Name of the form.
        size: ``"small"`` or ``"large"``.
        texture: Name of the texture.
    """

    color: str = ""
    shape: str = ""
    size: str = ""
    texture: str = ""


class Description(NamedTuple):
    """What a sentence says.

    Attributes:
        noun: Attributes of the shape.
        qualifier: A place, a superlative, a relation, or empty.
        landmark: With a relation, the attributes of the shape that it relates to.
    """

    noun: Noun
    qualifier: str = ""
    landmark: Noun = Noun()


class Truth(NamedTuple):
    """For each shape of a scene, whether something is true of it.

    Attributes:
        yes: Bit ``i`` is set if it is true of object ``i``.
        maybe: Bit ``i`` is set if one could argue about object ``i``.
    """

    yes: int
    maybe: int = 0

    def __and__(self, other: Truth) -> Truth:
        """Both hold: false where one is false, true where both are true."""
        yes = self.yes & other.yes
        possible = (self.yes | self.maybe) & (other.yes | other.maybe)
        return Truth(yes, possible & ~yes)

    def names(self, index: int) -> bool:
        """Whether it is true of this object and false of all others."""
        return self.yes == 1 << index and not self.maybe


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


class SceneFacts:
    """Answers what is true of the shapes of one scene.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: Scene) -> None:
        self.objects = scene.objects
        self.everything = (1 << len(scene.objects)) - 1
        self._height, self._width = scene.height, scene.width
        self._having: dict[str, int] = dict.fromkeys(SIZE_NAMES, 0)
        self._having[""] = self.everything
        for index, entry in enumerate(scene.objects):
            for name in (entry.color, entry.shape, entry.size, entry.texture):
                self._having[name] = self._having.get(name, 0) | 1 << index
        self._places = self._find_places()
        self._relations: dict[tuple[str, int], Truth] = {}

    def having(self, noun: Noun) -> Truth:
        """Which objects have all attributes of a noun.

        Args:
            noun: The attributes.
        """
        having = self._having
        color, shape, size, texture = noun
        found = having.get(color, 0) & having.get(shape, 0) & having.get(size, 0)
        if not texture:
            return Truth(found)
        doubtful = found & having["small"]
        return Truth(found & having.get(texture, 0) & ~doubtful, doubtful)

    def places_of(self, index: int) -> list[str]:
        """The places that an object is in beyond doubt.

        Args:
            index: Which object.
        """
        bit = 1 << index
        return [name for name, truth in self._places.items() if truth.yes & bit]

    def truth(self, description: Description) -> Truth:
        """Of which objects a description is true.

        Args:
            description: The description. With a superlative it is true of none unless
                two objects have the attributes, with a relation unless the landmark's
                attributes are those of one object.
        """
        candidates = self.having(description.noun)
        qualifier = description.qualifier
        if not qualifier:
            return candidates
        if qualifier in self._places:
            return candidates & self._places[qualifier]
        if qualifier in RELATIONS:
            landmark, doubtful = self.having(description.landmark)
            if landmark.bit_count() != 1 or doubtful:
                return Truth(0)
            relation = self._relation(qualifier, landmark.bit_length() - 1)
            return candidates & Truth(~landmark) & relation
        if candidates.maybe:
            return Truth(0, candidates.yes | candidates.maybe)
        return self._superlative(qualifier, candidates.yes)

    def _find_places(self) -> dict[str, Truth]:
        yes = dict.fromkeys((*SIDES, MIDDLE), 0)
        maybe = dict.fromkeys((*SIDES, MIDDLE), 0)
        for index, entry in enumerate(self.objects):
            # From the picture's edge to the middle of the pixel: a mirrored scene gives
            # mirrored answers.
            x = (entry.center[0] + 0.5) / self._width
            y = (entry.center[1] + 0.5) / self._height
            for side, distance in (
                (LEFT, x),
                (RIGHT, 1 - x),
                (TOP, y),
                (BOTTOM, 1 - y),
            ):
                if distance <= SIDE_WITHIN:
                    yes[side] |= 1 << index
                elif distance < SIDE_BEYOND:
                    maybe[side] |= 1 << index
            off_center = max(abs(x - 0.5), abs(y - 0.5))
            if off_center <= MIDDLE_WITHIN:
                yes[MIDDLE] |= 1 << index
            elif off_center < MIDDLE_BEYOND:
                maybe[MIDDLE] |= 1 << index
        places = {name: Truth(yes[name], maybe[name]) for name in yes}
        for corner, (vertical, horizontal) in CORNERS.items():
            places[corner] = places[vertical] & places[horizontal]
        return places

    def _superlative(self, name: str, candidates: int) -> Truth:
        rivals = list(_bits(candidates))
        if len(rivals) < 2:
            return Truth(0)
        for index in rivals:
            first = self.objects[index]
            if all(
                self._leads(name, first, self.objects[other])
                for other in rivals
                if other != index
            ):
                return Truth(1 << index)
        return Truth(0, candidates)

    def _leads(self, name: str, first: SceneObject, second: SceneObject) -> bool:
        if name == "smallest":
            return self._leads("largest", second, first)
        if name == "largest":
            return (
                first.radius >= EXTENT_FACTOR * second.radius
                and first.area >= EXTENT_FACTOR * second.area
            )
        side = SIDE_SUPERLATIVES[name]
        axis = 0 if side in (LEFT, RIGHT) else 1
        extent = (self._width, self._height)[axis]
        lead = second.center[axis] - first.center[axis]
        starts = first.box[axis], second.box[axis]
        ends = starts[0] + first.box[axis + 2], starts[1] + second.box[axis + 2]
        if side in (LEFT, TOP):
            return lead >= LEAD * extent and starts[0] < starts[1]
        return -lead >= LEAD * extent and ends[0] > ends[1]

    def _relation(self, name: str, landmark: int) -> Truth:
        if (name, landmark) not in self._relations:
            self._relations[name, landmark] = self._find_relation(name, landmark)
        return self._relations[name, landmark]

    def _find_relation(self, name: str, landmark: int) -> Truth:
        side = RELATIONS[name]
        axis = 0 if side in (LEFT, RIGHT) else 1
        sign = 1 if side in (LEFT, TOP) else -1
        origin = self.objects[landmark].center
        least = RELATION_DISTANCE * min(self._height, self._width)
        yes = maybe = 0
        for index, entry in enumerate(self.objects):
            along = sign * (origin[axis] - entry.center[axis])
            across = abs(origin[1 - axis] - entry.center[1 - axis])
            if along >= least and along >= RELATION_WITHIN * across:
                yes |= 1 << index
            elif along > 0 and across < RELATION_BEYOND * along:
                maybe |= 1 << index
        return Truth(yes, maybe)


@cache
def kind_of(qualifier: str) -> str:
    """The kind of expression that a qualifier makes.

    Args:
        qualifier: A place, a superlative, a relation, or empty.
    """
    if not qualifier:
        return "attribute"
    if qualifier in PLACES:
        return "place"
    return "relation" if qualifier in RELATIONS else "superlative"
