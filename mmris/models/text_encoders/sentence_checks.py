"""What every text encoder refuses or complains of before it looks at words."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mmengine.logging import print_log

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_sentences(sentences: Sequence[str]) -> None:
    """Refuse what is not a list of sentences.

    Args:
        sentences: The sentences.

    Raises:
        TypeError: A lone string, or an entry that is no string.
        ValueError: A sentence is blank, or holds halves of characters.
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
        try:
            sentence.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{where} ({sentence[:40]!a}) holds half of a character, a lone "
                "surrogate, as files do that cut an emoji in two; write the character "
                "whole, or remove it"
            ) from error


class UnknownWordsNotice:
    """Warns once of a sentence that the vocabulary has no word of.

    Such a sentence is legal: test sets have some. But whoever types sentences in
    another language than that of the training should hear of it.
    """

    def __init__(self) -> None:
        self._given = False

    def give(self, sentence: str) -> None:
        """Warn, unless that was done before.

        Args:
            sentence: None of whose words is known.
        """
        if self._given:
            return
        self._given = True
        print_log(
            f"No word of the sentence {shortened(sentence)!r} is in the vocabulary of "
            "the model: the mask will not depend on what it says. Use words of the "
            "training sentences. Further sentences of this kind are not reported.",
            logger="current",
            level=logging.WARNING,
        )


def shortened(sentence: str, length: int = 60) -> str:
    """The beginning of a sentence, for messages.

    Args:
        sentence: The sentence.
        length: Most characters of it.

    Returns:
        The sentence, or its beginning with dots after it.
    """
    return sentence if len(sentence) <= length else f"{sentence[:length]}..."
