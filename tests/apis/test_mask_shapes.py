import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmris.apis.mask_shapes import cut_out, mask_box, mask_polygons


def blobs(seed):
    generator = np.random.default_rng(seed)
    size = tuple(generator.integers(1, 50, 2))
    noise = cv2.GaussianBlur(generator.random(size), (0, 0), generator.uniform(0.3, 3))
    return noise > 0.5


def filled(polygons, size):
    """Filled by the even-odd rule."""
    inside = np.zeros(size, dtype=bool)
    for polygon in polygons:
        (runs,) = coco_mask.frPyObjects([polygon], *map(int, size))
        inside ^= coco_mask.decode(runs).astype(bool)
    return inside


@pytest.mark.parametrize("seed", range(40))
def test_outlines_and_holes_are_the_mask(seed):
    mask = blobs(seed)
    outer, holes = mask_polygons(mask)
    np.testing.assert_array_equal(filled([*outer, *holes], mask.shape), mask)


def test_a_ring_of_few_corners():
    mask = np.zeros((6, 7), dtype=bool)
    mask[1:5, 2:6] = True
    mask[2:4, 3:5] = False
    (outer,), (hole,) = mask_polygons(mask)
    corners = {(2, 1), (2, 5), (6, 5), (6, 1)}
    assert set(zip(outer[::2], outer[1::2])) == corners
    assert set(zip(hole[::2], hole[1::2])) == {(3, 2), (3, 4), (5, 4), (5, 2)}
    assert len(outer) == len(hole) == 8
    assert mask_box(mask) == [2, 1, 4, 4]


def test_a_cut_out_hides_what_is_outside():
    picture = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3) + 1
    mask = np.zeros((4, 5), dtype=bool)
    mask[1, 2] = mask[2, 1] = True
    cut = cut_out(picture, mask)
    assert cut.shape == (2, 2, 4)
    assert cut[..., 3].tolist() == [[0, 255], [255, 0]]
    np.testing.assert_array_equal(cut[0, 1, :3], picture[1, 2])
    assert not cut[0, 0].any()


def test_an_empty_mask():
    mask = np.zeros((3, 4), dtype=bool)
    assert mask_box(mask) is None
    assert mask_polygons(mask) == ([], [])
    assert cut_out(np.zeros((3, 4, 3), dtype=np.uint8), mask) is None
