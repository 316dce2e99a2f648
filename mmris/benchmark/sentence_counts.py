"""How many sentences a picture has and how long they are, in RefCOCO's val split."""

from __future__ import annotations

import random

from .random_case import random_sentences

# Of the 1,500 pictures and 10,834 sentences of RefCOCO's split val, partition unc.
PICTURES_BY_SENTENCES = {
    **{2: 41, 3: 53, 4: 31, 5: 177, 6: 696, 7: 17, 8: 80, 9: 169, 10: 18, 11: 57},
    **{12: 74, 13: 10, 14: 12, 15: 28, 16: 4, 17: 11, 18: 4, 19: 3, 20: 5, 21: 3},
    **{22: 1, 24: 3, 25: 1, 26: 1, 27: 1},
}
SENTENCES_BY_WORDS = {
    **{1: 1002, 2: 2887, 3: 2546, 4: 1752, 5: 1040, 6: 619, 7: 398, 8: 231, 9: 155},
    **{10: 84, 11: 48, 12: 35, 13: 10, 14: 10, 15: 8, 16: 5, 17: 2, 18: 1, 21: 1},
}


def sentences_like_refcoco(pictures: int, *, seed: int = 0) -> list[list[str]]:
    """Random sentences with RefCOCO's distribution of number and length.

    The pictures stand at even distances in the order of their number of sentences, so
    that few of them already have the mean of all, and are shuffled then. Lengths are
    drawn one by one.

    Args:
        pictures: How many.
        seed: Of everything random.

    Returns:
        The sentences of each picture.
    """
    choose = random.Random(seed)
    ordered = [n for n, count in PICTURES_BY_SENTENCES.items() for _ in range(count)]
    step = len(ordered) / pictures
    numbers = [ordered[int((place + 0.5) * step)] for place in range(pictures)]
    choose.shuffle(numbers)
    lengths, weights = zip(*SENTENCES_BY_WORDS.items(), strict=True)
    return [
        [
            random_sentences(1, words, seed=choose.randrange(2**32))[0]
            for words in choose.choices(lengths, weights, k=number)
        ]
        for number in numbers
    ]
