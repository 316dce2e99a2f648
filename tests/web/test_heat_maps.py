"""Heat maps of the page are the explanations' numbers, made only when asked for."""

import dataclasses

import numpy as np
import pytest

from mmris.apis import RefSegInferencer
from mmris.explanation import explain
from mmris.web import HeatMaps, draw_view, legend_html, offered_maps, probability_maps
from mmris.web import heat_maps as module
from tests.explanation.conftest import SENTENCES, build


@pytest.fixture(scope="module")
def segment():
    model = build("cmsa")
    segment = RefSegInferencer(model.cfg, device="cpu")
    segment.model = model
    return segment


@pytest.fixture
def heat(segment):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, 3), dtype=np.uint8)
    picture = np.repeat(np.repeat(pixels, 10, axis=0), 10, axis=1)
    return HeatMaps(segment, probability_maps(segment, picture, SENTENCES))


@pytest.fixture
def passes(monkeypatch):
    """How often the model was asked."""
    asked = []

    def counted(*given, **options):
        asked.append(options)
        return explain(*given, **options)

    monkeypatch.setattr(module, "explain", counted)
    return asked


def test_a_model_offers_its_own_maps(segment, heat):
    assert list(offered_maps(segment.model).items()) == [
        ("highest", "Probability, all expressions"),
        ("probability", "Probability"),
        ("word_places", "Where each word looks"),
        ("place_words", "Words at each place"),
        ("place_places", "Where a place looks"),
        ("gates", "Gates of the levels"),
        ("grad_cam", "Grad-CAM of the fused features"),
    ]
    assert heat.expressions == [
        ("1. the red circle left of the square", 0),
        ("2. circle", 1),
    ]


def test_the_probability_asks_no_model(heat, passes):
    every = heat.heat_map()
    np.testing.assert_array_equal(every.values, heat.maps.probabilities.max(axis=0))
    heat.look(heat.choose("probability", 1))
    np.testing.assert_array_equal(heat.heat_map().values, heat.maps.probabilities[1])
    assert (heat.places, heat.items) == ([], [])
    heat.show("level_0", 2)
    assert not heat.point_at(3, 4)
    assert passes == []


def test_maps_of_words(heat, segment, passes):
    heat.look(heat.choose("place_words", 0))
    assert heat.choice.expression == 0
    assert heat.places == [("Level 0", "level_0"), ("Level 1", "level_1")]
    assert [label for label, _ in heat.items] == SENTENCES[0].split()
    heat.show("level_1", 2)
    (found,) = explain(
        segment.model, heat.maps.picture, SENTENCES[:1], channel_order="rgb"
    )
    entry = found["place_words/level_1"]
    top = entry.values.max()
    shown = heat.heat_map()
    np.testing.assert_allclose(
        shown.values, found.on_picture(entry.values[2]) / top, atol=1e-5
    )
    assert shown.top == f"{100 * top:.3g} % share"
    assert shown.meaning == entry.meaning
    assert len(passes) == 1  # words and levels are of one pass
    # A word that is not there: the one that differs most from place to place.
    heat.show("level_9", 99)
    entry = found["place_words/level_0"]
    assert heat.choice.place == "level_0"
    assert heat.choice.item == entry.values.std(axis=(1, 2)).argmax()


def test_a_place_that_looks(heat, segment, passes):
    heat.look(heat.choose("place_places", 1))
    assert heat.items == []
    assert heat.point_at(12, 70)
    (found,) = explain(
        segment.model, heat.maps.picture, SENTENCES[1:], channel_order="rgb"
    )
    entry = found["place_places/level_0"]
    row, column = found.cell_of((12, 70), entry.size)
    shown = heat.heat_map()
    values = entry.values[row, column]
    np.testing.assert_allclose(
        shown.values, found.on_picture(values) / values.max(), atol=1e-5
    )
    assert shown.point == (12, 70)
    assert "Click the picture" in shown.meaning
    heat.point_at(-5, 1000)
    assert heat.heat_map().point == (0, 89)
    assert len(passes) == 1
    shown = heat.heat_map()
    ring, plain = (
        draw_view(heat.maps, "heat map", threshold=0.5, opacity=1.0, heat=own)
        for own in (shown, dataclasses.replace(shown, point=None))
    )
    changed = np.argwhere((ring != plain).any(axis=2))
    zoom = ring.shape[1] / 90
    middle = changed.mean(axis=0) / zoom
    assert abs(middle[1] - 89) < 4
    assert 0 < len(changed) < 0.02 * ring[..., 0].size


def test_gates_and_grad_cam(heat, passes):
    heat.look(heat.choose("gates", 0))
    assert [label for label, _ in heat.items] == ["memory", "reset"]
    assert heat.heat_map().top == "100 % opening"
    heat.look(heat.choose("grad_cam", 0))
    shown = heat.heat_map()
    assert shown.values.shape == heat.maps.picture.shape[:2]
    assert shown.top.endswith(" relevance")
    assert [options["kinds"] for options in passes] == [["gates"], []]


def test_the_same_map_is_not_computed_twice(heat, passes):
    choice = heat.choose("word_places", 0)
    assert heat.must_ask(choice)
    heat.look(choice)
    assert not heat.must_ask(choice)
    heat.look(choice)
    heat.look(heat.choose("probability", 0))
    heat.look(choice)
    assert len(passes) == 1
    assert heat.must_ask(heat.choose("word_places", 1))


def test_what_does_not_exist_is_the_probability(heat):
    assert heat.choose("nonsense", 7) == heat.choose("highest", 0)
    assert heat.choose("boundary_maps", 0).kind == "highest"
    assert heat.choose("gates", -1).expression == 0


def test_a_legend_says_what_a_number_is(heat):
    heat.look(heat.choose("gates", 0))
    legend = legend_html(
        heat.maps, "heat map", name="m", threshold=0.5, heat=heat.heat_map()
    )
    assert "<span>100 % opening</span>" in legend
    assert "How far a gate is open at a place" in legend
