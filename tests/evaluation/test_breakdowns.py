import csv
import gzip

import pytest

from mmris.evaluation import SentenceFacts, names_a_location
from mmris.evaluation.breakdowns import (
    BREAKDOWNS,
    check_breakdowns,
    count_words,
    group_rows,
)

# Sentences of the published files by CEFNet's bins: 1-2, 3, 4-5, 6 and more words of
# RefCOCO and RefCOCO+, and 1-5, 6-7, 8-10, 11 and more of RefCOCOg.
BIN_SIZES = {
    "refcoco_unc_val": (3889, 2546, 2792, 1607),
    "refcoco_unc_testA": (2134, 1340, 1376, 807),
    "refcoco_unc_testB": (1760, 1227, 1377, 731),
    "refcoco+_unc_val": (4102, 2003, 2899, 1754),
    "refcoco+_unc_testA": (2313, 1153, 1477, 783),
    "refcoco+_unc_testB": (1698, 915, 1432, 844),
    "refcocog_google_val": (2234, 2165, 2707, 2430),
    "refcocog_umd_val": (1158, 1053, 1470, 1215),
    "refcocog_umd_test": (2284, 2230, 2743, 2345),
}


def facts(**changes):
    usual = {
        "text": "the red cup",
        "kind": "",
        "category_id": 3,
        "num_distractors": 0,
        "area": 100,
        "image_area": 10_000,
        "num_targets": 1,
    }
    return SentenceFacts(**{**usual, **changes})


def sentences(test_data, name):
    path = test_data / "refcoco_text" / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [row["sentence"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", BIN_SIZES)
def test_bins_of_words_on_the_published_sentences(test_data, name):
    texts = sentences(test_data, name)
    breakdown = "words_refcocog" if "cocog" in name else "words_refcoco"
    groups = group_rows([breakdown], [facts(text=text) for text in texts])
    assert tuple(len(rows) for rows in groups.values()) == BIN_SIZES[name]
    assert sum(BIN_SIZES[name]) == len(texts)
    labels = {"words_refcocog": ["1-5", "6-7", "8-10", "11+"]}
    expected = labels.get(breakdown, ["1-2", "3", "4-5", "6+"])
    assert list(groups) == [f"words_{label}" for label in expected]


def test_words_of_place_are_what_separates_refcoco_from_refcoco_plus(test_data):
    shares = {}
    for name in ("refcoco_unc_val", "refcoco+_unc_val", "refcoco_unc_testB"):
        found = [names_a_location(text) for text in sentences(test_data, name)]
        shares[name] = sum(found) / len(found)
    # RefCOCO+ forbids absolute places; "closest" and "behind" remain.
    assert shares["refcoco_unc_val"] > 0.6
    assert shares["refcoco_unc_testB"] > 0.75
    assert shares["refcoco+_unc_val"] < 0.25


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("left guy", True),
        ("LEFTMOST", True),
        ("rigth cup", True),
        ("top corner", True),
        ("closest to us", True),
        ("third from the end", True),
        ("cup at 3 o'clock", True),
        ("bright red cup", False),
        ("upright bottle", False),
        ("leftover pizza", False),
        ("man in blue", False),
        ("", False),
    ],
)
def test_words_of_place(text, expected):
    assert names_a_location(text) is expected


@pytest.mark.parametrize(
    ("breakdown", "changes", "expected"),
    [
        ("words_referit", {"text": "cup"}, "words_1"),
        ("words_referit", {"text": "a b c d"}, "words_3-4"),
        ("words_referit", {"text": "a b c d e"}, "words_5+"),
        ("words_refcoco", {"text": "cup - left !"}, "words_1-2"),
        ("size", {"area": 1023}, "size_small"),
        ("size", {"area": 1024}, "size_medium"),
        ("size", {"area": 9216}, "size_medium"),
        ("size", {"area": 9217}, "size_large"),
        ("size", {"area": 0}, "size_none"),
        ("share", {"area": 99}, "share_0-1"),
        ("share", {"area": 100}, "share_1-5"),
        ("share", {"area": 500}, "share_5-20"),
        ("share", {"area": 2000}, "share_20-100"),
        ("share", {"area": 0}, "share_none"),
        ("category", {}, "category_3"),
        ("category", {"category_id": -1, "num_targets": 2}, "category_several"),
        ("category", {"category_id": -1, "num_targets": 0}, "category_none"),
        ("targets", {"num_targets": 0, "area": 0}, "targets_none"),
        ("targets", {}, "targets_1"),
        ("targets", {"num_targets": 2}, "targets_several"),
        ("targets", {"num_targets": 13}, "targets_several"),
        ("kind", {"kind": "place"}, "place"),
        ("location", {"text": "left cup"}, "location_words"),
        ("location", {"text": "red cup"}, "no_location_words"),
        ("distractors", {}, "distractors_0"),
        ("distractors", {"num_distractors": 1}, "distractors_1"),
        ("distractors", {"num_distractors": 3}, "distractors_2-3"),
        ("distractors", {"num_distractors": 4}, "distractors_4+"),
        ("distractors", {"num_distractors": -1}, "distractors_unknown"),
    ],
)
def test_groups(breakdown, changes, expected):
    assert BREAKDOWNS[breakdown](facts(**changes)) == expected


def test_groups_come_in_the_order_of_their_numbers():
    entries = [facts(category_id=number) for number in (10, 9, 10, -1)]
    groups = group_rows(["category"], entries)
    assert list(groups) == ["category_9", "category_10", "category_several"]
    assert groups["category_10"].tolist() == [0, 2]
    several = [facts(num_targets=number) for number in (3, 0, 1)]
    assert list(group_rows(["targets"], several)) == [
        f"targets_{name}" for name in ("none", "1", "several")
    ]
    sizes = [facts(area=area) for area in (10_000, 0, 2000, 5)]
    assert list(group_rows(["size"], sizes)) == [
        f"size_{name}" for name in ("none", "small", "medium", "large")
    ]


def test_sentences_without_a_kind_are_in_no_group():
    assert group_rows(["kind"], [facts(), facts()]) == {}


def test_words_are_what_blanks_separate():
    assert count_words("man's left  shoe , no. 2") == 5


def test_unknown_breakdowns_are_refused():
    message = "breakdowns has 'sizes'; choose from category, distractors, kind"
    with pytest.raises(ValueError, match=message):
        check_breakdowns(["size", "sizes"], "breakdowns")
