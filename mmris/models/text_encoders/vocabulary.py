"""Numbers the words of a word list, with the four special entries in front."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNKNOWN = "<unk>"
# Their order and ids are those of the published word lists.
SPECIALS = ("<pad>", "<go>", "<eos>", UNKNOWN)
PAD_ID = SPECIALS.index("<pad>")
UNKNOWN_ID = SPECIALS.index(UNKNOWN)


class Vocabulary:
    """Words and their ids: 0 padding, 3 unknown words, the given words from 4 on.

    Args:
        words: Distinct words without the special entries. Blank ones (a published list
            has one) keep their place in the numbering and match no word.

    Raises:
        ValueError: A word comes twice, is a special entry or holds a line break.

    Example:
        >>> from mmris.models.text_encoders import Vocabulary
        >>> Vocabulary(["red", "left"]).ids(["left", "zebra"])
        [5, 3]
    """

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words = (*SPECIALS, *words)
        self._ids: dict[str, int] = {}
        for number, word in enumerate(self.words):
            if not word:
                continue
            if "\n" in word:
                raise ValueError(f"the word {word!r} holds a line break; remove it")
            if word in self._ids:
                raise ValueError(
                    f"the word {word!r} has two numbers, {self._ids[word]} and "
                    f"{number} (the first are {' '.join(SPECIALS)}); keep one of them"
                )
            self._ids[word] = number

    @classmethod
    def from_sentences(
        cls, sentences: Iterable[Sequence[str]], *, num_embeddings: int
    ) -> Vocabulary:
        """Collect the words of sentences, the most frequent first.

        Equally frequent words stand in alphabetical order, so that the same sentences
        in any order give the same vocabulary.

        Args:
            sentences: Their words.
            num_embeddings: Most entries, the special ones included; rarer words are
                left out.

        Returns:
            The vocabulary.

        Raises:
            ValueError: No word at all.
        """
        counts = Counter(word for sentence in sentences for word in sentence)
        for special in SPECIALS:
            counts.pop(special, None)
        if not counts:
            raise ValueError(
                "the sentences to build a vocabulary from hold no word; check the "
                "annotation file of the training dataset"
            )
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(ranked[: num_embeddings - len(SPECIALS)])

    @classmethod
    def from_file(cls, path: str | Path, *, num_embeddings: int) -> Vocabulary:
        """Read a word list: UTF-8 text, one word a line.

        Args:
            path: The file. It starts with the four special entries, or has none.
            num_embeddings: Most entries, the special ones included.

        Returns:
            The vocabulary, in the order of the file.

        Raises:
            FileNotFoundError: No such file.
            ValueError: No text, no words, a word twice, or more than fit.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"no word list at {path}; correct model.text_encoder.vocabulary, or "
                "set it to None to take the words from the checkpoint or from the "
                "training sentences"
            )
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path}, named by model.text_encoder.vocabulary, is not UTF-8 text "
                f"({error.reason} at byte {error.start}); convert it"
            ) from error
        vocabulary = cls.from_text(text.replace("\r\n", "\n"), source=str(path))
        if vocabulary.is_empty:
            raise ValueError(
                f"{path}, named by model.text_encoder.vocabulary, holds no words; give "
                "a file with one word a line"
            )
        if len(vocabulary) > num_embeddings:
            raise ValueError(
                f"{path} has {len(vocabulary)} entries, the {len(SPECIALS)} special "
                f"ones included, but model.text_encoder.num_embeddings is "
                f"{num_embeddings}; set it to {len(vocabulary)} or more"
            )
        return vocabulary

    @classmethod
    def from_text(cls, text: str, *, source: str) -> Vocabulary:
        """Read a word list that :meth:`to_text` or another program wrote.

        Args:
            text: One word a line, with or without the special entries at its head.
            source: Where it comes from, for the message.

        Returns:
            The vocabulary; empty if there are no words.

        Raises:
            ValueError: The list is not valid.
        """
        lines = text.rstrip("\n").split("\n") if text else []
        if tuple(lines[: len(SPECIALS)]) == SPECIALS:
            lines = lines[len(SPECIALS) :]
        try:
            return cls(lines)
        except ValueError as error:
            raise ValueError(
                f"the word list of {source} is not valid: {error}"
            ) from error

    def to_text(self) -> str:
        """All entries, the special ones first, one a line."""
        return "\n".join(self.words)

    @property
    def is_empty(self) -> bool:
        """Whether there are no words besides the special entries."""
        return len(self.words) == len(SPECIALS)

    def __len__(self) -> int:
        """Number of entries, the special ones included."""
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        """Whether the word has an id of its own."""
        return word in self._ids

    def ids(self, words: Iterable[str]) -> list[int]:
        """Number words.

        Args:
            words: The words.

        Returns:
            Their ids; that of ``<unk>`` for unknown ones.
        """
        return [self._ids.get(word, UNKNOWN_ID) for word in words]

    def unknown_rate(self, sentences: Iterable[Sequence[str]]) -> float:
        """Share of unknown words, each counted as often as it comes.

        Args:
            sentences: Their words.

        Returns:
            From 0 to 1; 0 if there are no words.
        """
        ids = [number for words in sentences for number in self.ids(words)]
        return ids.count(UNKNOWN_ID) / max(len(ids), 1)
