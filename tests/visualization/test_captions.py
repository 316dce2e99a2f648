import numpy as np
import pytest

from mmris.visualization.captions import draw_caption, wrap_text


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
    ["", "   ", "\u4eba \U0001f98a \u2603", "na\u00efve caf\u00e9\n\t\x00", "\ud7ff"],
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
