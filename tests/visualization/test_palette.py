import itertools

import numpy as np

from mmris.visualization.palette import PREDICTION_COLOR, TRUTH_COLOR, line_style

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of
# Color Vision Deficiency" (2009), severity 1: red-, green- and blue-blindness.
BLINDNESS = np.array(
    [
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    ]
)


def linear(color):
    value = np.asarray(color) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def test_truth_and_prediction_differ_for_every_colour_vision():
    seen = [linear(color) for color in (PREDICTION_COLOR, TRUTH_COLOR)]
    for matrix in BLINDNESS:
        first, second = (matrix @ color for color in seen)
        assert np.abs(first - second).max() > 0.2
    luminance = [color @ [0.2126, 0.7152, 0.0722] for color in seen]
    assert luminance[0] / luminance[1] > 2


def test_colours_stay_apart_for_red_and_green_blindness():
    colors = [linear(line_style(number).color) for number in range(7)]
    for matrix in BLINDNESS[:2]:
        for first, second in itertools.combinations(colors, 2):
            assert np.abs(matrix @ (first - second)).max() > 0.04


def test_21_styles_then_anew():
    styles = [line_style(number) for number in range(21)]
    assert len(set(styles)) == 21
    assert len({style.color for style in styles[:7]}) == 7
    assert all(style.dash == 0 for style in styles[:7])
    assert all(style.dash > 0 for style in styles[7:])
    assert line_style(21) == styles[0]
