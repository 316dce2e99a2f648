import csv
import gzip
from collections import Counter

from mmris.benchmark.sentence_counts import (
    PICTURES_BY_SENTENCES,
    SENTENCES_BY_WORDS,
    sentences_like_refcoco,
)


def test_counts_are_those_of_refcoco(test_data):
    path = test_data / "refcoco_text" / "refcoco_unc_val.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_picture = Counter(row["image_id"] for row in rows)
    assert Counter(by_picture.values()) == PICTURES_BY_SENTENCES
    lengths = Counter(len(row["sentence"].split()) for row in rows)
    assert lengths == SENTENCES_BY_WORDS


def test_all_pictures_have_the_counts_themselves():
    pictures = sentences_like_refcoco(1500)
    assert Counter(map(len, pictures)) == PICTURES_BY_SENTENCES


def test_few_pictures_have_the_means():
    pictures = sentences_like_refcoco(50, seed=1)
    sentences = [text for entry in pictures for text in entry]
    assert abs(len(sentences) / 50 - 7.22) < 0.3
    words = sum(len(text.split()) for text in sentences) / len(sentences)
    assert abs(words - 3.57) < 0.5
    assert pictures == sentences_like_refcoco(50, seed=1)
    assert pictures != sentences_like_refcoco(50, seed=2)
