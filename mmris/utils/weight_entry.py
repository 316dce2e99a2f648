"""Writes where a model's trained weights are into the metafile of its method."""

from __future__ import annotations

import re


def with_weights(text: str, name: str, *, address: str, sha256: str) -> str:
    """A metafile with the weights of a model; the rest, comments too, stays.

    Args:
        text: The metafile.
        name: The model.
        address: Where its weights are, from the folder of ``model-index.yml``.
        sha256: Checksum of the file.

    Returns:
        The new text; an entry that was there is replaced.

    Raises:
        ValueError: The metafile has no entry of this name, or one without ``Config``.
    """
    start = re.search(rf"^  - Name: {re.escape(name)}$", text, flags=re.MULTILINE)
    if start is None:
        raise ValueError(f"the metafile has no model '- Name: {name}'; add it first")
    following = re.search(r"^  - Name: ", text[start.end() :], flags=re.MULTILINE)
    end = len(text) if following is None else start.end() + following.start()
    entry = re.sub(
        r"^    (?:Weights|SHA256): .*\n", "", text[start.start() : end], flags=re.M
    )
    lines = f"\\1    Weights: {address}\n    SHA256: {sha256}\n"
    entry, count = re.subn(r"^(    Config: .*\n)", lines, entry, count=1, flags=re.M)
    if count == 0:
        raise ValueError(f"the model {name} of the metafile has no 'Config:'; add it")
    return text[: start.start()] + entry + text[end:]
