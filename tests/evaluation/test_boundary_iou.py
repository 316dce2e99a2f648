import numpy as np
import pytest

from mmris.evaluation import boundary_band, count_boundaries, mean_iou
from mmris.evaluation.boundary_iou import band_width
from tests.references import overlap_scores as reference


def test_the_band_is_that_of_a_plain_search():
    rng = np.random.default_rng(0)
    for size in ((9, 14), (60, 80), (1, 5)):
        width = band_width(*size)
        for share in (0.0, 0.8, 0.98, 1.0):
            mask = rng.random(size) < share
            expected = reference.boundary(mask.tolist(), width)
            np.testing.assert_array_equal(boundary_band(mask), expected)


def test_the_width_is_two_percent_of_the_diagonal():
    assert band_width(480, 640) == 16
    assert band_width(10, 10) == 1


def test_values_worked_out_by_hand():
    # Two squares of 5 x 5, one a column to the right: bands of 16 pixels each.
    first, second = np.zeros((2, 20, 20), bool)
    first[5:10, 5:10] = second[5:10, 6:11] = True
    counts = count_boundaries([first, first], [second, first])
    assert counts.predicted.tolist() == counts.truth.tolist() == [16, 16]
    # In common: 4 of the top row, 4 of the bottom row; the sides are shifted apart.
    assert counts.intersection.tolist() == [8, 16]
    assert mean_iou(counts) == pytest.approx(100 * (8 / 24 + 1) / 2)


def test_the_edge_of_the_picture_is_an_outline():
    full = np.ones((10, 10), bool)
    assert boundary_band(full).sum() == 36


def test_empty_masks():
    empty, full = np.zeros((6, 6), bool), np.ones((6, 6), bool)
    assert mean_iou(count_boundaries([empty], [empty])) == 100.0
    assert mean_iou(count_boundaries([empty], [full])) == 0.0
