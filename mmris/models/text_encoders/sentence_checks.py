"""What every text encoder refuses before it looks at words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_sentences(sentences: Sequence[str]) -> None:
    """Refuse what is not a list of sentences.

    Args:
        sentences: The sentences.

    Raises:
        TypeError: A lone string, or an entry that is no string.
        ValueError: A sentence is blank.
    """
    if isinstance(sentences, str):
        raise TypeError(
            f"got the string {sentences!r} where a list of sentences belongs; "
            "put it into a list"
        )
    for position, sentence in enumerate(sentences, start=1):
        where = f"sentence {position} of {len(sentences)}"
        if not isinstance(sentence, str):
            raise TypeError(
                f"{where} is {sentence!r}, of type {type(sentence).__name__}; give text"
            )
        if not sentence.strip():
            raise ValueError(
                f"{where} is blank ({sentence!r}) and refers to nothing; remove it "
                "from the annotation file or from the sentences given to the model"
            )
