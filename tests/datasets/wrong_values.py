"""Seeded damage to the content of annotation files."""

from __future__ import annotations

import copy

JUNK = (
    None,
    True,
    -1,
    0,
    1.5,
    10**30,
    -(10**30),
    float("nan"),
    float("inf"),
    1e308,
    "",
    "x",
    "../../x",
    "\n\x00",
    [],
    {},
    [[]],
    [None],
    [[[[]]]],
    {"counts": "x"},
)


def places(content, path=()):
    """Paths of all values of a JSON document but the whole."""
    if isinstance(content, dict):
        entries = content.items()
    elif isinstance(content, list):
        entries = enumerate(content)
    else:
        return
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))


def damage(content, random):
    """A copy in which one to three values are gone, doubled, or something else."""
    content = copy.deepcopy(content)
    for _ in range(random.integers(1, 4)):
        found = list(places(content))
        if not found:
            break
        *path, key = found[random.integers(len(found))]
        parent = content
        for step in path:
            parent = parent[step]
        kind = random.random()
        if kind < 0.2:
            del parent[key]
        elif kind < 0.3 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif kind < 0.4 and isinstance(parent, dict):
            parent[f"{key}x"] = parent.pop(key)
        else:
            parent[key] = copy.deepcopy(JUNK[random.integers(len(JUNK))])
    return content


def cut(text, random):
    """The start of a text, or the text with some characters replaced."""
    if random.random() < 0.5:
        return text[: random.integers(len(text))]
    characters = list(text)
    for place in random.integers(len(text), size=3):
        characters[place] = chr(random.integers(32, 127))
    return "".join(characters)
