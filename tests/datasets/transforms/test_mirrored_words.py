"""Left and right change places in the words, in all forms that people type."""

from __future__ import annotations

import csv
import gzip
import re

import pytest

from mmris.datasets import mirror_words

SWAPPED = [
    ("the left cup", "the right cup"),
    ("leftmost", "rightmost"),
    ("left most person", "right most person"),
    ("left-hand side", "right-hand side"),
    ("the lefthand shelf", "the righthand shelf"),
    ("on leftside", "on rightside"),
    ("lefty", "righty"),
    ("leftest leftiest leftish", "rightest rightiest rightish"),
    ("left's", "right's"),
    ("lefthanded", "righthanded"),
    ("left, not right!", "right, not left!"),
    ("bottomleft upperleft theleft onleft", "bottomright upperright theright onright"),
    ("shadowrightbottom ofright", "shadowleftbottom ofleft"),
    ("west side", "east side"),
    ("western most", "eastern most"),
    ("clockwise from it", "counterclockwise from it"),
    ("2nd from left.", "2nd from right."),
]
TYPOS = [
    ("lft lef laft lfet elft eft leftt", "right"),
    ("rigth righ rigt rght riht rihgt rgiht ight rite", "left"),
    ("lefy", "righty"),
    ("anticlockwise", "clockwise"),
]
UNTOUCHED = [
    "",
    "bright red cup",
    "brighter brightest brightly",
    "cleft chin",
    "copyright sign",
    "upright donut",
    "downright outright alright",
    "leftover pizza",
    "leftovers",
    "fright frightened wright playwright freight",
    "rightful righteous",
    "let lift light night fight lest",
    "l shaped couch",
    "r",
    "12 o'clock",
    "6 o clock",
    "two clocks",
    "2 clocks on a wall",
    "clock 11",
    "beast feast midwest",
    "right side up",
]


@pytest.mark.parametrize(("left", "right"), SWAPPED)
def test_forms_change_places_both_ways(left, right):
    assert mirror_words(left) == right
    assert mirror_words(right) == left


@pytest.mark.parametrize(("words", "expected"), TYPOS)
def test_usual_misspellings_are_understood(words, expected):
    for word in words.split():
        assert mirror_words(f"man on {word} side") == f"man on {expected} side"


@pytest.mark.parametrize("text", UNTOUCHED)
def test_other_words_stay(text):
    assert mirror_words(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LEFT Left left", "RIGHT Right right"),
        ("RIGHTMOST Rightmost", "LEFTMOST Leftmost"),
        ("BottomRight", "BottomLeft"),
        ("Rigth", "Left"),
        ("Three o'clock", "Nine o'clock"),
    ],
)
def test_case_is_kept(text, expected):
    assert mirror_words(text) == expected


@pytest.mark.parametrize(
    ("hour", "mirrored"),
    [(1, 11), (2, 10), (3, 9), (4, 8), (5, 7), (6, 6), (12, 12), (9, 3), (11, 1)],
)
@pytest.mark.parametrize(
    "form",
    [
        "{} o clock",
        "{} oclock",
        "{} o'clock",
        "{}oclock",
        "at{} o ' clock",
        "{} O\u2019CLOCK",
    ],
)
def test_hours_are_mirrored(form, hour, mirrored):
    text = f"cup at {form} position"
    assert mirror_words(text.format(hour)) == text.format(mirrored)


def test_hours_in_words_are_mirrored():
    assert mirror_words("at three o clock") == "at nine o clock"
    assert mirror_words("at twelve o clock") == "at twelve o clock"


@pytest.mark.parametrize(
    "text",
    [
        "guy right behind meter",
        "right above boys head",
        "pizza right next to piece gone",
        "the zebra right in front of your face",
        "a white sofa that is right in front of a window",
    ],
)
def test_right_that_says_how_close_stays(text):
    assert mirror_words(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("van on right behind man", "van on left behind man"),
        ("chair to the right next to it", "chair to the left next to it"),
        ("bottom right near bowl", "bottom left near bowl"),
        ("far right, behind", "far left, behind"),
        ("right of the bus", "left of the bus"),
    ],
)
def test_right_that_says_where_is_swapped(text, expected):
    assert mirror_words(text) == expected


def test_swapping_goes_word_by_word_and_not_in_turns():
    assert mirror_words("left of the right left") == "right of the left right"


def test_real_sentences(test_data):
    sentences = []
    for path in sorted((test_data / "refcoco_text").glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            sentences += [row["sentence"] for row in csv.DictReader(file)]
    assert len(sentences) == 66993
    sided = [text for text in sentences if re.search("left|right", text)]
    plain = [text for text in sided if re.search(r"\b(left|right)\b", text)]
    assert (len(sided), len(plain)) == (13208, 12842)
    # What stays of those: other words (upright, bright, ...), and "right" that says how
    # close.
    kept = [text for text in sided if mirror_words(text) == text]
    close = [text for text in kept if re.search(r"\bright\b", text)]
    others = [text for text in kept if text not in close]
    assert len(close) < 0.005 * len(plain)
    assert all(
        re.search(r"\b(\w*bright|(up|f)right|freight|leftover)", text)
        for text in others
    )
    # Mirrored twice, a sentence is itself, but for misspellings and closeness.
    changed = [text for text in sentences if mirror_words(text) != text]
    assert len(changed) > 13_300
    stable = [text for text in changed if mirror_words(mirror_words(text)) == text]
    assert len(stable) > 0.995 * len(changed)
