import numpy as np
import pytest

from mmris.visualization.overlays import draw_mask, draw_numbers, fit, line_width
from mmris.visualization.palette import BLUE, ORANGE, LineStyle

GREY = np.full((200, 300, 3), 100, dtype=np.uint8)


def rectangle(top, left, bottom, right, size=(200, 300)):
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((48, 96), (128, 256)),
        ((96, 48), (256, 128)),
        ((300, 400), (300, 400)),
        ((600, 2400), (160, 640)),
        ((1, 4000), (1, 640)),
    ],
)
def test_pictures_and_masks_come_to_the_same_size(size, expected):
    image = np.zeros((*size, 3), dtype=np.uint8)
    assert fit(image, min_side=256, max_side=640).shape == (*expected, 3)
    mask = np.zeros(size, dtype=np.uint8)
    assert fit(mask, min_side=256, max_side=640).shape == expected


def test_an_enlarged_mask_keeps_its_place_and_values():
    mask = rectangle(10, 20, 30, 60, (100, 90)).astype(np.uint8)
    large = fit(mask, min_side=400, max_side=640)
    assert set(np.unique(large)) == {0, 1}
    rows, columns = np.nonzero(large)
    assert (rows.min(), rows.max() + 1) == (40, 120)
    assert (columns.min(), columns.max() + 1) == (80, 240)


def test_tint_and_outline():
    mask = rectangle(50, 60, 150, 260)
    drawn = draw_mask(GREY, mask, LineStyle(ORANGE), alpha=0.5)
    inner = rectangle(56, 66, 144, 254)
    expected = 50 + 0.5 * np.asarray(ORANGE)
    assert drawn[inner] == pytest.approx(np.tile(expected, (inner.sum(), 1)), abs=1)
    assert (drawn[~rectangle(46, 56, 154, 264)] == 100).all()
    assert tuple(drawn[50, 160]) == ORANGE
    assert (drawn == 255).all(axis=2).any()
    assert (GREY == 100).all()


def test_alpha_0_leaves_the_inside_and_1_covers_it():
    mask = rectangle(50, 60, 150, 260)
    assert (
        tuple(draw_mask(GREY, mask, LineStyle(BLUE), alpha=0)[100, 100]) == (100,) * 3
    )
    assert tuple(draw_mask(GREY, mask, LineStyle(BLUE), alpha=1)[100, 100]) == BLUE


def test_holes_are_outlined():
    mask = rectangle(20, 20, 180, 280) & ~rectangle(80, 100, 120, 200)
    drawn = draw_mask(GREY, mask, LineStyle(BLUE), alpha=0)
    hole = (drawn[60:140, 80:220] == BLUE).all(axis=2)
    assert hole.any(axis=1).sum() > 38
    assert (drawn[90:110, 110:190] == 100).all()


def test_dashes_have_gaps():
    mask = rectangle(50, 60, 150, 260)
    shares = []
    for style in (LineStyle(BLUE), LineStyle(BLUE, 6, 4), LineStyle(BLUE, 2, 2)):
        drawn = draw_mask(GREY, mask, style, alpha=0)
        shares.append((drawn[50, 70:250] == BLUE).all(axis=1).mean())
    assert shares[0] == 1
    assert 0.4 < shares[1] < 0.9
    assert 0.2 < shares[2] < 0.9


def test_lines_grow_with_pictures_and_stay_thin():
    widths = [line_width(np.zeros((n, n // 2, 3))) for n in (64, 256, 640, 1280, 4000)]
    assert widths == sorted(widths)
    assert widths[0] == 2
    assert widths[-1] == 10


def test_numbers_stand_in_their_masks_and_not_on_one_another():
    masks = [rectangle(10, 10, 90, 110), rectangle(100, 200, 190, 290)]
    styles = [LineStyle(ORANGE), LineStyle(BLUE)]
    drawn = draw_numbers(GREY, masks, styles, size=16)
    changed = (drawn != 100).any(axis=2)
    assert changed[masks[0]].any()
    assert changed[masks[1]].any()
    assert not changed[~(masks[0] | masks[1])].any()
    same = draw_numbers(GREY, [masks[0], masks[0]], styles, size=16)
    one = draw_numbers(GREY, masks[:1], styles[:1], size=16)
    assert (same != 100).sum() > 1.9 * (one != 100).sum()


def test_many_numbers_at_one_place_end():
    masks = [rectangle(0, 0, 3, 3)] * 400
    drawn = draw_numbers(GREY, masks, [LineStyle(BLUE)] * 400, size=16)
    assert drawn.shape == GREY.shape


def test_an_empty_mask_has_no_number():
    drawn = draw_numbers(GREY, [rectangle(0, 0, 0, 0)], [LineStyle(BLUE)], size=16)
    np.testing.assert_array_equal(drawn, GREY)
