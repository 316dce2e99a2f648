import unicodedata

import pytest

from mmris.models.text_encoders import WordTokenizer


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("The RED circle", ["the", "red", "circle"]),
        ("man's 2nd t-shirt!", ["man", "s", "2nd", "t", "shirt"]),
        ("man\u2019s", ["man", "s"]),
        ("player_7, #23.", ["player_7", "23"]),
        ("  left\tone\nplease ", ["left", "one", "please"]),
        ("café Straße", ["café", "straße"]),
        (unicodedata.normalize("NFD", "CAFÉ"), ["café"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("красный круг", ["красный", "круг"]),
        ("左边的人", ["左边的人"]),
        ("❤️red❤️", ["red"]),
        ("?", ["<unk>"]),
        ("...!", ["<unk>"]),
        ("😀", ["<unk>"]),
        ("❤️", ["<unk>"]),
        ("\u200b", ["<unk>"]),
        ("\u0301", ["<unk>"]),
    ],
)
def test_words(sentence, words):
    assert WordTokenizer(max_words=None)([sentence]) == [words]


def test_words_are_cut_off_at_the_end():
    sentence = " ".join(f"w{number}" for number in range(30))
    assert WordTokenizer(max_words=3)([sentence, "a b"]) == [
        ["w0", "w1", "w2"],
        ["a", "b"],
    ]
    assert len(WordTokenizer(max_words=None)([sentence])[0]) == 30


def test_words_in_angle_brackets_are_no_special_entries():
    assert WordTokenizer(max_words=None)(["<pad> <unk>"]) == [["pad", "unk"]]


@pytest.mark.parametrize("blank", ["", "  ", "\n\t", "\u3000"])
def test_blank_sentence_is_named_by_its_position(blank):
    with pytest.raises(ValueError, match=r"sentence 2 of 3 is blank .*; remove it"):
        WordTokenizer(max_words=None)(["red", blank, "blue"])


def test_lone_string_and_other_types():
    with pytest.raises(TypeError, match=r"got the string 'red circle'.*put it into a"):
        WordTokenizer(max_words=None)("red circle")
    with pytest.raises(TypeError, match="sentence 1 of 1 is None, of type NoneType"):
        WordTokenizer(max_words=None)([None])


def test_max_words_below_one():
    with pytest.raises(
        ValueError, match=r"max_words is 0; set model\.text_encoder\.max"
    ):
        WordTokenizer(max_words=0)
