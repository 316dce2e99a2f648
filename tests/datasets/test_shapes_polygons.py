"""Polygons of a mask read back to the mask."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmris.datasets.shapes.polygons import mask_to_polygons


def parts_of(mask):
    polygons = mask_to_polygons(mask)
    codes = coco_mask.frPyObjects(polygons, *mask.shape)
    return coco_mask.decode(codes).astype(int)


def test_a_pixel_is_a_square():
    mask = np.zeros((3, 4), dtype=bool)
    mask[1, 2] = True
    (polygon,) = mask_to_polygons(mask)
    assert sorted(zip(polygon[::2], polygon[1::2], strict=True)) == [
        (2, 1),
        (2, 2),
        (3, 1),
        (3, 2),
    ]


def test_an_empty_mask_has_no_polygon():
    assert mask_to_polygons(np.zeros((3, 4), dtype=bool)) == []


def test_a_ring_is_one_polygon_with_a_slit():
    mask = np.ones((5, 7), dtype=bool)
    mask[1:4, 2:4] = False
    assert len(mask_to_polygons(mask)) == 1
    np.testing.assert_array_equal(parts_of(mask)[..., 0], mask)


def test_pixels_that_touch_at_a_corner_are_two_parts():
    assert len(mask_to_polygons(np.eye(2, dtype=bool))) == 2


@pytest.mark.parametrize("density", [0.2, 0.5, 0.8, 0.95])
def test_any_mask_reads_back_exactly(density):
    rng = np.random.default_rng(0)
    for _ in range(150):
        mask = rng.random(rng.integers(1, 14, size=2)) < density
        if mask.any():
            # Parts are disjoint: their sum is the mask, as their union is.
            np.testing.assert_array_equal(parts_of(mask).sum(axis=-1), mask)
