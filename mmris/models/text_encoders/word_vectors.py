"""Reads pretrained word vectors (GloVe and word2vec text files), for known words only.

Paper: Pennington et al., "GloVe: Global Vectors for Word Representation", EMNLP 2014.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .vocabulary import SPECIALS

if TYPE_CHECKING:
    from torch import Tensor

    from .vocabulary import Vocabulary


def read_word_vectors(
    path: str | Path, vocabulary: Vocabulary, *, channels: int
) -> tuple[Tensor, Tensor]:
    """Read the vectors of the words of a vocabulary.

    The file is read line by line, so its size does not matter: a word, then
    ``channels`` numbers, separated by single spaces. A word may itself hold spaces, as
    some of glove.840B do. A word2vec header (number of words, number of channels) is
    skipped. Of a word that comes twice the first vector counts.

    Args:
        path: The file, unpacked.
        vocabulary: Words to look for.
        channels: ``C_e``, length of a vector.

    Returns:
        Ids of the words found, ``(M,)`` int64, and their vectors, ``(M, C_e)`` float32.

    Raises:
        FileNotFoundError: No such file.
        ValueError: A vector of another length, or one that is not finite numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no word vectors at {path}; correct model.text_encoder.word_vectors, or "
            "set it to None to learn the embeddings from scratch"
        )
    wanted = {
        word.encode(): number
        for number, word in enumerate(vocabulary.words)
        if word and number >= len(SPECIALS)
    }
    found: dict[int, list[float]] = {}
    with path.open("rb") as lines:
        for line_number, raw in enumerate(lines, start=1):
            place = f"line {line_number} of {path}"
            line = raw.rstrip(b" \r\n")  # fastText ends its lines with a blank
            if line_number == 1:
                count = _vector_length(line)
                if count is None:
                    continue
                _check_length(count, channels, place)
            blanks = line.count(b" ")
            if blanks < channels:
                _check_length(blanks, channels, place)
            word, values = _split(line, channels, place, spaces=blanks > channels)
            number = wanted.get(word)
            if number is not None and number not in found:
                found[number] = _numbers(values, place)
    vectors = torch.tensor(list(found.values()), dtype=torch.float32)
    return torch.tensor(list(found), dtype=torch.int64), vectors.reshape(-1, channels)


def _vector_length(first_line: bytes) -> int | None:
    """Length of the vector on the first line, None if that is a word2vec header."""
    fields = first_line.split(b" ")
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return None
    # From the right, since a word may hold spaces; its first part is never a number of
    # the vector, even if it looks like one.
    count = 0
    for field in reversed(fields[1:]):
        if not _is_number(field):
            break
        count += 1
    return count


def _check_length(count: int, channels: int, place: str) -> None:
    if count != channels:
        raise ValueError(
            f"{place} holds a vector of {count} numbers, but "
            f"model.text_encoder.embedding_channels is {channels}; change it or "
            "model.text_encoder.word_vectors, which takes an unpacked and complete "
            "text file"
        )


def _split(
    line: bytes, channels: int, place: str, *, spaces: bool
) -> tuple[bytes, bytes]:
    if not spaces:  # nearly every line of millions: the short way
        word, _, values = line.partition(b" ")
        return word, values
    fields = line.split(b" ")
    surplus = fields[1:-channels]
    if all(_is_number(field) for field in surplus):
        _check_length(len(fields) - 1, channels, place)
    return b" ".join(fields[:-channels]), b" ".join(fields[-channels:])


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _numbers(values: bytes, place: str) -> list[float]:
    try:
        numbers = [float(field) for field in values.split(b" ")]
    except ValueError as error:
        raise ValueError(
            f"{place} is not a word and its numbers ({error}); replace the file named "
            "by model.text_encoder.word_vectors"
        ) from error
    if not all(map(math.isfinite, numbers)):
        raise ValueError(
            f"{place} holds a number that is not finite; replace the file named by "
            "model.text_encoder.word_vectors"
        )
    return numbers
