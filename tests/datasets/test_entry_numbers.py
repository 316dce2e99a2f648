"""Entries have ids, their own or running ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmris.datasets.entry_numbers import EntryNumbering
from tests.datasets.own_data import POLYGON, make_entry


def entry(**more):
    return make_entry([POLYGON], **more)


@pytest.fixture
def numbering():
    return EntryNumbering(Path("a.json"))


def test_running_numbers_follow_pictures_entries_and_sentences(numbering):
    first = numbering.number(entry(sentences=("a", "b"), category="cup"), "1.jpg")
    second = numbering.number(entry(category="tin"), "2.jpg")
    third = numbering.number(entry(sentences=("c", "d")), "1.jpg")
    fourth = numbering.number(entry(category="cup"), "3.jpg")
    numbers = [first, second, third, fourth]
    assert [n.image_id for n in numbers] == [0, 1, 0, 2]
    assert [n.ref_id for n in numbers] == [0, 1, 2, 3]
    assert [n.sent_ids for n in numbers] == [(0, 1), (2,), (3, 4), (5,)]
    assert [n.category_id for n in numbers] == [1, 2, -1, 1]
    assert numbering.categories == {"cup": 1, "tin": 2}


def test_given_numbers_are_kept(numbering):
    given = entry(image_id=7, ref_id=0, sent_ids=(5,))
    numbers = numbering.number(given, "1.jpg")
    assert (numbers.image_id, numbers.ref_id, numbers.sent_ids) == (7, 0, (5,))
    numbers = numbering.number(entry(image_id=7, ref_id=9, sent_ids=(0,)), "1.jpg")
    assert numbers.image_id == 7


@pytest.mark.parametrize("name", ["image_id", "ref_id", "sent_ids"])
def test_all_entries_have_an_id_or_none(numbering, name):
    value = (3,) if name == "sent_ids" else 3
    numbering.number(entry(), "1.jpg")
    with pytest.raises(ValueError, match=rf"has '{name}', but .* before have none"):
        numbering.number(entry(**{name: value}), "2.jpg")
    other = EntryNumbering(Path("a.json"))
    other.number(entry(**{name: value}), "1.jpg")
    with pytest.raises(ValueError, match=rf"has no '{name}', but .* in every entry or"):
        other.number(entry(), "2.jpg")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            {"ref_id": 3},
            {"ref_id": 3},
            r"here: ref_id 3 stands twice.*leave the ids ou",
        ),
        (
            {"sent_ids": (4, 5), "sentences": ("a", "b")},
            {"sent_ids": (5,)},
            r"here: sent_id 5 stands twice",
        ),
        (
            {"sent_ids": (0,)},
            {"sent_ids": (4, 4), "sentences": ("a", "b")},
            r"here: sent_id 4 stands twice",
        ),
        (
            {"image_id": 3},
            {"image_id": 3, "image": "2.jpg"},
            r"'image_id' 3 is that of '1\.jpg', and here of '2\.jpg'\. Give each pict",
        ),
        (
            {"image_id": 3, "image": "1.jpg"},
            {"image_id": 4, "image": "1.jpg"},
            r"'image_id' is 4, but an entry before gave 3 to the same picture '1\.jpg'",
        ),
    ],
)
def test_ids_that_disagree_are_refused(numbering, first, second, message):
    numbering.number(entry(**first), "1.jpg")
    with pytest.raises(ValueError, match=message):
        numbering.number(entry(**second), second.get("image", "3.jpg"))
