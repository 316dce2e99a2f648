"""Seeded damages to annotation files: one place of a file is changed at a time."""

from __future__ import annotations

import copy
import json
import math
import pickle
from dataclasses import dataclass

HUGE = (2**31, 2**63, 10**18, 10**30, 10**400, 1e30, 1e308)
OTHERS = (
    None,
    True,
    False,
    "",
    "7",
    "x" * 1000,
    "\ud800\n\x00",
    [],
    {},
    [[]],
    [None],
    {"counts": "04", "size": [1, 1]},
    0.5,
    -1,
    0,
    math.nan,
    math.inf,
    -math.inf,
    *HUGE,
)
# Segments of paths whose values decide which mask a sentence has, and where any other
# value of the same type is another annotation and no damage.
CHOICES = {"ann_id", "image_id", "id", "sent_id", "ref_id", "split", "sentences"}


@dataclass(frozen=True)
class Mutation:
    """A file as it became.

    Attributes:
        name: Name of the file in its folder.
        content: What is in it.
        what: What was done, for messages.
        is_other_data: Whether the result may be taken for other, sound annotations.
    """

    name: str
    content: bytes
    what: str
    is_other_data: bool


def dump(name, value):
    if name.endswith(".p"):
        return pickle.dumps(value, 2)
    return json.dumps(value).encode()


def _nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def _walk(generator, value):
    """A path into lists and dictionaries, ever deeper with some chance to stop."""
    path = []
    while isinstance(value, (list, dict)) and value:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = keys[int(generator.integers(len(keys)))]
        path.append(key)
        value = value[key]
        if generator.random() < 0.15:
            break
    return path


def _target(generator, value, ids):
    """A path that leads to something that the loader needs, most of the time."""
    if isinstance(value, dict):
        if generator.random() < 0.03:
            return [list(value)[int(generator.integers(len(value)))]]
        table = ("images", "annotations")[int(generator.random() < 0.7)]
        numbers = [n for n, e in enumerate(value[table]) if e["id"] in ids[table]]
        number = numbers[int(generator.integers(len(numbers)))]
        return [table, number, *_walk(generator, value[table][number])]
    number = int(generator.integers(len(value)))
    if generator.random() < 0.05:
        return [number]
    return [number, *_walk(generator, value[number])]


def _replacement(generator, value):
    """Another value, and what was done."""
    kind = generator.random()
    if kind < 0.25 and isinstance(value, (int, float)) and not isinstance(value, bool):
        changed = [-value, value + 1, value * 1000, -value * 10**6, value + 0.5]
        return changed[int(generator.integers(len(changed)))]
    if kind < 0.3 and isinstance(value, list) and value:
        return [value, value * 2, value[:-1], value[::-1], [value]][
            int(generator.integers(5))
        ]
    if kind < 0.33:
        return [value]
    if kind < 0.36:
        return {"a": value}
    if kind < 0.38:
        return _nested(150)
    return OTHERS[int(generator.integers(len(OTHERS)))]


def mutate(generator, files, ids):
    """Damage one of some files at one place.

    Args:
        generator: Random numbers.
        files: Content of each file by name, decoded.
        ids: Ids of ``images`` and ``annotations`` that references name.

    Returns:
        The damage.
    """
    name = list(files)[int(generator.integers(len(files)))]
    if generator.random() < 0.12:
        return _mutate_bytes(generator, name, dump(name, files[name]))
    content = copy.deepcopy(files[name])
    path = _target(generator, content, ids)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    before = parent[path[-1]]
    kind = generator.random()
    other_data = False
    if kind < 0.2:
        del parent[path[-1]]
        what = "deleted"
        # An entry, polygon or sentence less is another file; a field less is not.
        other_data = not isinstance(path[-1], str)
    elif kind < 0.25 and isinstance(parent, list):
        parent.append(copy.deepcopy(before))
        what = "twice"
        other_data = True
    else:
        after = _replacement(generator, before)
        parent[path[-1]] = after
        what = f"{type(before).__name__} became {type(after).__name__}"
        what += f" {after!r:.60}" if not isinstance(after, int) else ""
        other_data = _is_other_data(path, before, after)
    return Mutation(name, dump(name, content), f"{name} {path} {what}", other_data)


def _is_other_data(path, before, after):
    """Whether a sound file could have had this value there."""
    names = {segment for segment in path if isinstance(segment, str)}
    if names & CHOICES and type(before) is type(after):
        return True
    if "sentences" in names:
        return True
    if "segmentation" in names:
        # A polygon's number that a picture may have, or polygons more or fewer.
        numbers = isinstance(after, (int, float)) and not isinstance(after, bool)
        if isinstance(before, (int, float)) and numbers:
            return -2 <= after <= 700
        return isinstance(after, list) and all(
            isinstance(value, (int, float, list)) for value in after
        )
    return "iscrowd" in names and after in (0, 1)


def _mutate_bytes(generator, name, content):
    """Cut a file, or change bytes of it."""
    if generator.random() < 0.5:
        length = int(generator.integers(len(content)))
        return Mutation(name, content[:length], f"{name} cut to {length}", False)
    changed = bytearray(content)
    places = generator.integers(len(content), size=int(generator.integers(1, 4)))
    for place in places:
        changed[place] = generator.integers(256)
    return Mutation(name, bytes(changed), f"{name} bytes {places}", True)
