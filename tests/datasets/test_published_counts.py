"""The table of published sizes agrees with itself and with the real sentence files."""

from __future__ import annotations

import csv
import gzip

import pytest

from mmris.datasets.published_counts import (
    PUBLISHED_COUNTS,
    WHOLE,
    published_count,
)


def value(row, name):
    number = getattr(row, name)
    return None if number is None else number.value


def total(dataset, partition, name):
    return sum(
        value(row, name)
        for row in PUBLISHED_COUNTS
        if (row.dataset, row.partition) == (dataset, partition)
    )


def test_no_split_stands_twice_and_every_number_has_a_source():
    keys = [(row.dataset, row.partition, row.split) for row in PUBLISHED_COUNTS]
    assert len(keys) == len(set(keys))
    for row in PUBLISHED_COUNTS:
        numbers = [row.images, row.references, row.sentences]
        assert any(numbers), row
        for number in filter(None, numbers):
            assert number.value > 0
            assert number.source


def test_partitions_of_one_dataset_divide_the_same_references():
    assert total("refcoco", "unc", "references") == 50_000
    assert total("refcoco", "google", "references") == 50_000
    assert total("refcocog", "umd", "references") == 49_822
    assert total("refcocog", "google", "references") == 49_822
    assert total("refcocog", "umd", "sentences") == 95_010
    assert total("refcocog", "google", "sentences") == 95_010
    # Splits of unc and umd share no picture, so that pictures add up.
    assert total("refcoco", "unc", "images") == 19_994
    assert total("refcocog", "umd", "images") == 25_799


def test_an_image_has_a_reference_and_a_reference_a_sentence():
    for row in PUBLISHED_COUNTS:
        if row.split == WHOLE:
            continue
        counts = [value(row, name) for name in ("images", "references", "sentences")]
        known = [count for count in counts if count is not None]
        assert known == sorted(known), row


@pytest.mark.parametrize(
    ("dataset", "partition", "split"),
    [
        *[(n, "unc", s) for n in ("refcoco", "refcoco+") for s in ("val", "testA")],
        *[(n, "unc", "testB") for n in ("refcoco", "refcoco+")],
        ("refcocog", "umd", "val"),
        ("refcocog", "umd", "test"),
        ("refcocog", "google", "val"),
    ],
)
def test_real_sentences_have_the_published_numbers(
    dataset, partition, split, test_data
):
    path = test_data / "refcoco_text" / f"{dataset}_{partition}_{split}.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    published = published_count(dataset, partition, split)
    assert len({row["image_id"] for row in rows}) == published.images.value
    assert len({row["ref_id"] for row in rows}) == published.references.value
    assert len({row["sent_id"] for row in rows}) == published.sentences.value


def test_what_was_not_published_is_none():
    assert published_count("refcoco", "google", "train").sentences is None
    assert published_count("refcoco", "umd", "train") is None
    assert published_count("refclef", "unc", "testB") is None
