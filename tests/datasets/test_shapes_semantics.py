"""What words mean, on layouts made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmris.datasets.shapes import (
    Description,
    Noun,
    Scene,
    SceneFacts,
    SceneKey,
    SceneObject,
)

CIRCLE = Noun(shape="circle")


def facts(*entries, height=100, width=200):
    objects = tuple(
        SceneObject(
            color=color,
            shape=shape,
            size=size,
            texture="dotted",
            x=x,
            y=y,
            radius=radius,
            angle=0.0,
            center=(x, y),
            area=round(3 * radius**2),
            box=(round(x - radius), round(y - radius), 2 * radius, 2 * radius),
        )
        for color, shape, size, x, y, radius in entries
    )
    owners = np.zeros((height, width), dtype=np.uint8)
    return SceneFacts(Scene(SceneKey(0, 0, 0), height, width, objects, owners))


def red_circle(x, y, radius=8, size="medium"):
    return ("red", "circle", size, x, y, radius)


def blue_square(x, y, radius=8):
    return ("blue", "square", "medium", x, y, radius)


def test_attributes_must_all_fit():
    scene = facts(red_circle(20, 20), blue_square(50, 50), red_circle(90, 90))
    assert scene.truth(Description(Noun("red", "circle"))) == (0b101, 0)
    assert scene.truth(Description(Noun("blue", "square"))).names(1)
    assert scene.truth(Description(Noun("red", "square"))) == (0, 0)
    assert scene.truth(Description(Noun())) == (0b111, 0)


def test_one_could_argue_about_the_texture_of_a_small_shape():
    scene = facts(red_circle(20, 20), red_circle(90, 90, size="small"))
    assert scene.truth(Description(Noun("red", texture="dotted"))) == (0b01, 0b10)
    assert scene.truth(Description(Noun("red", texture="striped"))) == (0, 0b10)
    described = Noun("red", texture="dotted")
    assert scene.truth(Description(described, "leftmost")) == (0, 0b11)
    assert scene.truth(Description(Noun(), "left of", described)) == (0, 0)


@pytest.mark.parametrize(
    ("x", "expected"), [(75, (1, 0)), (76, (0, 1)), (103, (0, 1)), (104, (0, 0))]
)
def test_left_depends_on_the_width_alone(x, expected):
    assert facts(red_circle(x, 90)).truth(Description(CIRCLE, "left")) == expected
    mirrored = facts(red_circle(199 - x, 90))
    assert mirrored.truth(Description(CIRCLE, "right")) == expected


@pytest.mark.parametrize(
    ("y", "expected"), [(37, (1, 0)), (38, (0, 1)), (51, (0, 1)), (52, (0, 0))]
)
def test_top_depends_on_the_height_alone(y, expected):
    assert facts(red_circle(190, y)).truth(Description(CIRCLE, "top")) == expected
    mirrored = facts(red_circle(190, 99 - y))
    assert mirrored.truth(Description(CIRCLE, "bottom")) == expected


def test_a_corner_is_both_of_its_sides():
    described = Description(CIRCLE, "top left")
    assert facts(red_circle(20, 20)).truth(described) == (1, 0)
    assert facts(red_circle(20, 45)).truth(described) == (0, 1)
    assert facts(red_circle(180, 45)).truth(described) == (0, 0)


def test_the_middle_is_the_middle_along_both_axes():
    described = Description(CIRCLE, "middle")
    assert facts(red_circle(110, 55)).truth(described) == (1, 0)
    assert facts(red_circle(110, 70)).truth(described) == (0, 1)
    assert facts(red_circle(110, 90)).truth(described) == (0, 0)
    assert facts(red_circle(20, 50)).truth(described) == (0, 0)


def test_the_largest_is_clearly_larger_than_every_other():
    largest = Description(CIRCLE, "largest")
    smallest = Description(CIRCLE, "smallest")
    three = facts(red_circle(20, 20, 8), red_circle(60, 60, 20), red_circle(99, 20, 11))
    assert three.truth(largest).names(1)
    assert three.truth(smallest).names(0)
    close = facts(red_circle(20, 20, 10), red_circle(60, 60, 12))
    assert close.truth(largest) == (0, 0b11)
    alone = facts(red_circle(20, 20), blue_square(60, 60))
    assert alone.truth(largest) == (0, 0)


def test_the_leftmost_leads_with_its_centre_and_its_edge():
    leftmost = Description(CIRCLE, "leftmost")
    assert facts(red_circle(50, 20), red_circle(30, 70)).truth(leftmost).names(1)
    assert facts(red_circle(50, 20), red_circle(36, 70)).truth(leftmost) == (0, 0b11)
    wide = facts(red_circle(50, 50, 40), red_circle(30, 95, 5))
    assert wide.truth(leftmost) == (0, 0b11)
    assert (
        facts(red_circle(50, 20), red_circle(30, 70))
        .truth(Description(CIRCLE, "rightmost"))
        .names(0)
    )
    vertical = facts(red_circle(50, 20), red_circle(30, 70))
    assert vertical.truth(Description(CIRCLE, "topmost")).names(0)
    assert vertical.truth(Description(CIRCLE, "lowest")).names(1)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (100, 60, (0b10, 0)),  # straight above
        (113, 60, (0b10, 0)),  # a little aside
        (114, 60, (0, 0b10)),  # aslant: one could argue
        (139, 60, (0, 0b10)),
        (140, 60, (0, 0)),  # beside rather than above
        (100, 70, (0b10, 0)),
        (100, 71, (0, 0b10)),  # too near
        (100, 95, (0, 0)),  # below
    ],
)
def test_above_means_mostly_upwards(x, y, expected):
    scene = facts(blue_square(100, 80), red_circle(x, y))
    landmark = Noun("blue", "square")
    assert scene.truth(Description(CIRCLE, "above", landmark)) == expected


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("left of", 60, 50),
        ("right of", 140, 50),
        ("above", 100, 20),
        ("below", 100, 80),
    ],
)
def test_each_direction_has_its_own_word(name, x, y):
    scene = facts(blue_square(100, 50), red_circle(x, y))
    for other in ("left of", "right of", "above", "below"):
        truth = scene.truth(Description(CIRCLE, other, Noun("blue")))
        assert truth.names(1) == (other == name)


def test_a_landmark_must_be_one_object():
    scene = facts(blue_square(50, 80), blue_square(150, 80), red_circle(50, 20))
    assert scene.truth(Description(CIRCLE, "above", Noun("blue"))) == (0, 0)
    assert scene.truth(Description(CIRCLE, "above", Noun("pink"))) == (0, 0)


def test_places_of_an_object_are_those_beyond_doubt():
    scene = facts(red_circle(20, 20), red_circle(80, 50))
    assert scene.places_of(0) == ["left", "top", "top left"]
    assert scene.places_of(1) == ["middle"]
