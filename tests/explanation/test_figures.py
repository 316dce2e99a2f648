import cv2
import numpy as np
import pytest
from PIL import Image

from mmris.explanation import Explanation, ExplanationMap
from mmris.explanation.figures import (
    draw_figure,
    heading,
    query_point,
    write_figure,
)
from mmris.explanation.kinds import KINDS

WORDS = ("the", "$red$", "circle_1")


def share(*shape, over):
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    return values / values.sum(axis=over, keepdims=True)


def some_map(kind, axes, values, **options):
    return ExplanationMap(
        kind=kind, place=options.pop("place", "level_0"), values=values, axes=axes,
        **options,
    )  # fmt: skip


def make_explanation(words=WORDS):
    """A picture of 40 x 60 with the mask in the middle, and a map of every layout."""
    count = len(words)
    logits = np.full((40, 60), -3, dtype=np.float32)
    logits[10:20, 20:40] = 3
    logits[12, 33] = 4
    places = ("row", "column")
    pairs = ("query_row", "query_column", *places)
    steps = ("stage 0", "stage 1")
    one_place = np.zeros((4, 6, 4, 6), dtype=np.float32)
    for row in range(4):
        for column in range(6):
            one_place[row, column, 3 - row, 5 - column] = 1
    maps = [
        some_map("word_attention", ("word",), share(count, over=0), words=words),
        some_map("word_attention", ("word",), share(count, over=0), words=words,
                 place="level_1"),
        some_map("word_words", ("query_word", "word"), share(count, count, over=1),
                 words=words),
        some_map("word_types", ("word", "item"), share(count, 4, over=1), words=words,
                 items=("entity", "attribute", "relation", "unnecessary")),
        some_map("word_places", ("word", *places), share(count, 4, 6, over=(1, 2)),
                 words=words),
        some_map("place_places", pairs, one_place),
        some_map("stage_masks", ("item", *places), np.full((2, 4, 6), 0.5, np.float32),
                 items=steps),
        some_map("grad_cam", places, np.zeros((4, 6), np.float32)),
    ]  # fmt: skip
    return Explanation(
        picture=np.full((40, 60, 3), 100, dtype=np.uint8),
        expression="the $red$ circle_1",
        words=words,
        logits=logits,
        mask=logits > 0,
        maps={entry.name: entry for entry in maps},
        input_size=(40, 60),
        content_box=(0, 0, 40, 60),
    )


def texts(figure):
    """All that is written in a figure."""
    found = [figure.get_suptitle()]
    for axes in figure.axes:
        found.append(axes.get_title())
        found += [text.get_text() for text in axes.texts]
        labels = [*axes.get_xticklabels(), *axes.get_yticklabels()]
        found += [label.get_text() for label in labels]
    return found


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_files_of_every_kind(ending, tmp_path):
    explanation = make_explanation()
    path = tmp_path / f"figure.{ending}"
    write_figure(explanation, "word_places", path, dpi=60)
    first = path.read_bytes()
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert first.startswith(start)
    if ending == "png":
        with Image.open(path) as picture:
            assert picture.width > 200
    with pytest.raises(ValueError, match=r"figure.gif: a figure ends in .pdf, .png,"):
        write_figure(explanation, "word_places", tmp_path / "figure.gif")


def test_numbers_of_words_are_written():
    explanation = make_explanation()
    written = texts(draw_figure(explanation, "word_attention"))
    for level in ("level_0", "level_1"):
        for value in explanation[f"word_attention/{level}"].values:
            assert f"{100 * value:.1f}" in written
    assert set(WORDS) <= set(written)
    written = texts(draw_figure(explanation, "word_types"))
    assert set(WORDS) <= set(written)
    for value in explanation["word_types"].values.ravel():
        if value >= 0.08:
            assert f"{100 * value:.0f}" in written
    assert "\u201cthe $red$ circle_1\u201d" in written


def panels(figure):
    """The picture with the mask, and the heat maps; colour bars are no images."""
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_each_word_has_a_panel_and_the_colours_are_its_numbers():
    explanation = make_explanation()
    figure = draw_figure(explanation, "word_places")
    assert [axes.get_title() for axes in figure.axes[:4]] == ["mask", *WORDS]
    drawn = panels(figure)
    assert len(drawn) == 4
    values = explanation.on_picture(explanation["word_places"].values)
    for panel, own in zip(drawn[1:], values):
        # Brighter where the number is higher.
        brightness = np.asarray(panel) @ (0.3, 0.59, 0.11)
        wanted = cv2.resize(own, brightness.shape[::-1])
        order = brightness.ravel()[wanted.ravel().argsort()]
        assert np.corrcoef(order, np.arange(len(order)))[0, 1] > 0.9


def test_the_place_that_looks():
    explanation = make_explanation()
    assert query_point(explanation, None) == (12, 33)
    figure = draw_figure(explanation, "place_places", point=(5, 5))
    brightness = np.asarray(panels(figure)[1]).mean(axis=2)
    row, column = np.unravel_index(brightness.argmax(), brightness.shape)
    # It looks at the cell across the middle: the last of 4 x 6.
    assert row / brightness.shape[0] > 0.7
    assert column / brightness.shape[1] > 0.8
    (line, *_) = figure.axes[1].lines
    scale = brightness.shape[0] / 40
    assert line.get_xdata()[0] == pytest.approx(5 * scale, abs=scale)
    with pytest.raises(ValueError, match="row 40, column 5 lies outside of the pict"):
        draw_figure(explanation, "place_places", point=(40, 5))


def test_maps_without_any_number_above_zero_are_drawn():
    explanation = make_explanation()
    assert len(panels(draw_figure(explanation, "grad_cam"))) == 2
    titles = [axes.get_title() for axes in draw_figure(explanation, "stage_masks").axes]
    assert titles[:3] == ["mask", "stage 0", "stage 1"]


def test_heads_of_a_module_are_told_apart():
    explanation = make_explanation()
    values = explanation["place_places"].values
    module = "decode_head.aggregation.attention"
    for place in (module, f"{module}_head_1", f"{module}_head_2"):
        entry = some_map(
            "window_places", explanation["place_places"].axes, values, place=place
        )
        explanation.maps[entry.name] = entry
    figure = draw_figure(explanation, "window_places")
    titles = [axes.get_title().split(",")[0] for axes in figure.axes]
    assert titles[:4] == ["mask", "mean", "head 1", "head 2"]


def test_long_and_odd_words_do_not_break_figures(tmp_path):
    words = ("a" * 60, "\u202eevil\n", "$\\frac{$")
    explanation = make_explanation(words)
    for kind in dict.fromkeys(entry.kind for entry in explanation.maps.values()):
        write_figure(explanation, kind, tmp_path / f"{kind}.png", dpi=40)


def test_a_kind_that_is_not_there():
    with pytest.raises(KeyError, match="has no body_maps; it has word_attention, word"):
        draw_figure(make_explanation(), "body_maps")
    assert heading("word_types").startswith("Types of words: how probable it is ")
    assert all(not kind.meaning.endswith(".") for kind in KINDS.values())


def test_a_map_that_does_not_fit_its_labels_is_refused():
    values = np.zeros((2, 3), dtype=np.float32)
    with pytest.raises(ValueError, match=r"map word_types/level_0 has axes .* 1 words"):
        some_map("word_types", ("word", "item"), values, words=("a",), items=("b",) * 3)
    with pytest.raises(ValueError, match="map word_types/level_0 has axes"):
        some_map("word_types", ("item", "word"), values, words=("a", "b", "c"))
