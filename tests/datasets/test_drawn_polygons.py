"""PhraseCut's polygons include their outline."""

from __future__ import annotations

import numpy as np
import pytest

from mmris.datasets import decode_segmentations
from mmris.datasets.drawn_polygons import draw_polygons
from mmris.datasets.masks import encode_segmentations, mask_area


def test_a_box_has_both_of_its_edges():
    box = [2, 1, 5, 1, 5, 3, 2, 3]
    expected = np.zeros((6, 8), np.uint8)
    expected[1:4, 2:6] = 1
    np.testing.assert_array_equal(draw_polygons([box], 6, 8), expected)
    np.testing.assert_array_equal(
        decode_segmentations([{"drawn_polygons": [box]}], 6, 8), expected
    )
    # COCO's way takes the pixels whose middle is inside.
    assert decode_segmentations([[box]], 6, 8).sum() == 3 * 2


def test_overlaps_count_once_and_fractions_are_cut():
    boxes = [[2.9, 1.9, 5.2, 1, 5, 3.7, 2, 3], [4, 2, 7, 2, 7, 4, 4, 4]]
    mask = draw_polygons(boxes, 6, 9)
    assert mask.max() == 1
    assert mask.sum() == 12 + 12 - 4
    encoding = encode_segmentations([{"drawn_polygons": boxes}], 6, 9)
    assert mask_area(encoding) == 20


def test_two_points_make_a_line_and_one_nothing():
    assert draw_polygons([[1, 1, 4, 1]], 6, 8).sum() == 4
    assert draw_polygons([[1, 1]], 6, 8).sum() == 0


def test_what_leaves_the_picture_is_cut_off():
    assert draw_polygons([[-3, -3, 1, -3, 1, 1, -3, 1]], 6, 8).sum() == 4


@pytest.mark.parametrize("value", [float("nan"), 1e9, "3", None])
def test_coordinates_are_checked(value):
    parts = [{"drawn_polygons": [[1, 1, 4, value, 4, 4]]}]
    with pytest.raises(ValueError, match="part 0 .* has the coordinate"):
        decode_segmentations(parts, 6, 8)
