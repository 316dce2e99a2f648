"""Cuts a sentence into the words that a vocabulary knows.

The published word lists of referring segmentation were made from runs of word
characters in lower case; the same cut finds their words again.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING

from .sentence_checks import check_sentences
from .vocabulary import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

# Letters of many scripts carry vowels and accents as combining marks: they belong to
# the word. Variation selectors have the same category and only choose a glyph.
_MARKS = ("Mn", "Mc")
_VARIATION_SELECTORS = dict.fromkeys(range(0xFE00, 0xFE10))


class WordTokenizer:
    """Lower-case words: runs of letters, digits and underscores of any script.

    Everything else separates words and is dropped: ``"The man's 2nd T-shirt!"`` gives
    ``the man s 2nd t shirt``. An apostrophe separates, as it did for the published word
    lists, which hold ``man`` and ``s``. Digits stay, since they tell players apart.
    Letters are composed (NFC) first, so that both ways of writing an accent are one
    word. A string without any word, such as ``"?"``, is one unknown word.

    Args:
        max_words: Words kept of a sentence, the rest is cut off at its end; None keeps
            all.

    Raises:
        ValueError: ``max_words`` is below 1.

    Example:
        >>> from mmris.models.text_encoders import WordTokenizer
        >>> WordTokenizer(max_words=3)(["The man's 2nd T-shirt!", "?"])
        [['the', 'man', 's'], ['<unk>']]
    """

    def __init__(self, *, max_words: int | None) -> None:
        if max_words is not None and max_words < 1:
            raise ValueError(
                f"max_words is {max_words}; set model.text_encoder.max_words to at "
                "least 1, or to None for sentences of any length"
            )
        self.max_words = max_words

    def __call__(self, sentences: Sequence[str]) -> list[list[str]]:
        """Cut sentences into words.

        Args:
            sentences: The sentences.

        Returns:
            At least one word for each.

        Raises:
            TypeError: A lone string, or an entry that is no string.
            ValueError: A sentence is blank.
        """
        check_sentences(sentences)
        return [self._words(sentence)[: self.max_words] for sentence in sentences]

    def _words(self, sentence: str) -> list[str]:
        text = unicodedata.normalize("NFC", sentence.translate(_VARIATION_SELECTORS))
        runs = groupby(text.lower(), key=_is_part_of_word)
        words = ["".join(run) for is_word, run in runs if is_word]
        return [word for word in words if any(map(_starts_word, word))] or [UNKNOWN]


def _starts_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_part_of_word(character: str) -> bool:
    return _starts_word(character) or unicodedata.category(character) in _MARKS
