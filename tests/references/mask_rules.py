"""The rules of other projects, with interpolation written as sums over pixels."""

import math

import numpy as np


def places(size, new, *, align_corners):
    """Where the pixels of a new row lie in the old one."""
    if align_corners:
        step = (size - 1) / (new - 1) if new > 1 else 0.0
        return [i * step for i in range(new)]
    return [(i + 0.5) * size / new - 0.5 for i in range(new)]


def linear_row(row, new, *, align_corners):
    out = []
    for unbounded in places(len(row), new, align_corners=align_corners):
        place = max(unbounded, 0.0)
        low = min(int(place), len(row) - 1)
        high = min(low + 1, len(row) - 1)
        part = place - low
        out.append((1 - part) * row[low] + part * row[high])
    return out


def cubic_weight(distance, a=-0.75):
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    if d < 2:
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return 0.0


def cubic_row(row, new, *, align_corners):
    out = []
    for place in places(len(row), new, align_corners=align_corners):
        base = math.floor(place)
        value = 0.0
        for k in range(base - 1, base + 3):
            value += cubic_weight(place - k) * row[min(max(k, 0), len(row) - 1)]
        out.append(value)
    return out


def resize(picture, size, *, align_corners, row=linear_row):
    """Rows first, then columns."""
    wide = [row(list(line), size[1], align_corners=align_corners) for line in picture]
    columns = [
        row([line[j] for line in wide], size[0], align_corners=align_corners)
        for j in range(size[1])
    ]
    return np.array(columns).T


def nearest(picture, size):
    rows, columns = len(picture), len(picture[0])
    return np.array(
        [
            [
                picture[int((i + 0.5) * rows / size[0])][
                    int((j + 0.5) * columns / size[1])
                ]
                for j in range(size[1])
            ]
            for i in range(size[0])
        ]
    )


def sigmoid(picture):
    return 1 / (1 + np.exp(-np.asarray(picture, float)))


def cut(picture, box):
    top, left, height, width = box
    return picture[top : top + height, left : left + width]


def placed(truth, input_size, box):
    canvas = np.zeros(input_size, bool)
    top, left, height, width = box
    canvas[top : top + height, left : left + width] = nearest(truth, (height, width))
    return canvas


def network_input(logits, truth, input_size, box, *, align_corners):
    maps = resize(logits, input_size, align_corners=align_corners)
    return maps > 0, placed(truth, input_size, box)


def bicubic(logits, truth, input_size, box, *, threshold):
    """CGFormer: one bicubic step from the input to the picture, corners aligned."""
    maps = sigmoid(cut(resize(logits, input_size, align_corners=True), box))
    maps = resize(maps, truth.shape, align_corners=True, row=cubic_row)
    return maps > threshold, truth


def cubic_sample(row, place):
    """The value between the entries of a row, 0 beyond its ends."""
    base = math.floor(place)
    value = 0.0
    for k in range(base - 1, base + 3):
        if 0 <= k < len(row):
            value += cubic_weight(place - k) * row[k]
    return value


def warped(logits, truth, input_size, box, *, threshold):
    """CRIS: scaling alone gives the place of a pixel in the input."""
    maps = resize(sigmoid(logits), input_size, align_corners=True, row=cubic_row)
    top, left, height, width = box
    out = np.zeros(truth.shape)
    for y in range(truth.shape[0]):
        for x in range(truth.shape[1]):
            column = left + x * width / truth.shape[1]
            line = top + y * height / truth.shape[0]
            out[y, x] = cubic_sample([cubic_sample(m, column) for m in maps], line)
    return out > threshold, truth


def dilating(logits, truth, input_size, box):
    binary = resize(logits, input_size, align_corners=False) >= 1e-9
    grown = resize(cut(binary.astype(float), box), truth.shape, align_corners=False)
    return grown > 0, truth


def small_grid(logits, truth, input_size, box, *, side, threshold):
    if box != (0, 0, *input_size):
        logits = cut(resize(logits, input_size, align_corners=False), box)
    maps = sigmoid(resize(logits, (side, side), align_corners=True))
    grown = resize(truth.astype(float), (side, side), align_corners=True)
    return maps > threshold, grown > 0
