import numpy as np
import pytest

from mmris.visualization.captions import draw_caption, drawable, load_font, wrap_text


def test_words_are_kept_in_order_and_lines_fit():
    text = "the second man from the left in the third row " * 5
    lines = wrap_text(text, width=200, size=14)
    assert " ".join(lines).split() == text.split()
    assert len(lines) > 3
    assert all(draw_caption(line, width=220, size=14).shape[0] < 30 for line in lines)


def test_a_word_wider_than_a_line_is_broken():
    lines = wrap_text("a" * 300, width=100, size=12)
    assert len(lines) > 5
    assert "".join(lines) == "a" * 300


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "\u4eba \U0001f98a \u2603",
        "na\u00efve \xe9t\xe9\n\t\x00",
        "\ud7ff",
        "half of a pair \ud83d",
        "\u05d4\u05d0\u05d9\u05e9 \u05de\u05e9\u05de\u05d0\u05dc",
        "\u202eturned\u202c \u0627\u0644\u0631\u062c\u0644",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
        "e" + "\u0301" * 500,
        "word " * 2000,
        "w" * 10_000,
    ],
)
def test_any_text_can_be_drawn(text):
    picture = draw_caption(text, width=100, size=12)
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (100, 3)


def test_longer_text_gives_a_higher_picture_with_more_ink():
    short = draw_caption("a man", width=120, size=12)
    long = draw_caption("a man with a hat and a dog and a bicycle", width=120, size=12)
    assert long.shape[0] > short.shape[0]
    assert (long < 128).sum() > (short < 128).sum() > 0


def test_what_no_font_draws_is_replaced():
    assert drawable("a\x00b \n\t c\u200d\u202e") == "ab c"
    assert drawable("\ud83dx") == "\ufffdx"
    assert drawable("\u2764\ufe0f") == "\u2764"
    assert drawable("\xe9t\xe9 \u05de") == "\xe9t\xe9 \u05de"


def test_lines_beyond_the_most_give_way_to_dots():
    text = "the second man from the left in the third row " * 50
    lines = wrap_text(text, width=200, size=14, max_lines=3)
    assert len(lines) == 3
    assert lines[-1].endswith("\u2026")
    assert text.startswith(" ".join(lines)[:-1])
    assert all(load_font(14).getlength(line) <= 200 for line in lines)
    whole = wrap_text("a man", width=200, size=14, max_lines=3)
    assert whole == ["a man"]
    long = draw_caption("w" * 10_000, width=200, size=14, max_lines=2)
    assert long.shape[0] < 60
