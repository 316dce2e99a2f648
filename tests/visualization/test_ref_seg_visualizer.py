import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmris.registry import VISUALIZERS
from mmris.visualization.palette import (
    BLUE,
    ORANGE,
    PREDICTION_COLOR,
    TRUTH_COLOR,
    line_style,
)
from mmris.visualization.ref_seg_visualizer import RefSegVisualizer, mask_iou


@pytest.fixture(scope="module")
def visualizer():
    return RefSegVisualizer("drawing")


def picture(height, width):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, size=(height, width, 3), dtype=np.uint8)


def box(height, width, top, left):
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + height // 3, left : left + width // 3] = True
    return mask


def panels(drawn, count):
    width = (drawn.shape[1] - 4 * (count - 1)) // count
    return [drawn[:, i * (width + 4) : i * (width + 4) + width] for i in range(count)]


def test_panels_differ_exactly_where_the_masks_differ(visualizer):
    image = np.full((300, 300, 3), 128, dtype=np.uint8)
    prediction, truth = box(300, 300, 20, 20), box(300, 300, 180, 180)
    drawn = visualizer.draw_expression(image, "x", prediction=prediction, truth=truth)
    heading = drawn.shape[0] - 300 - 22
    plain, true, predicted = (p[heading:][:300] for p in panels(drawn, 3))
    blocks = [np.abs(p.astype(int) - plain).sum(2) > 0 for p in (predicted, true)]
    # Up to the heights of heading and caption, which do not change along x.
    columns = [np.flatnonzero(block.any(0)) for block in blocks]
    assert columns[0].min() == pytest.approx(20, abs=4)
    assert columns[0].max() == pytest.approx(120, abs=4)
    assert columns[1].min() == pytest.approx(180, abs=4)
    assert columns[1].max() == pytest.approx(280, abs=4)


def test_equal_masks_are_told_apart_by_colour(visualizer):
    image = np.full((300, 300, 3), 128, dtype=np.uint8)
    mask = box(300, 300, 100, 100)
    drawn = visualizer.draw_expression(image, "x", prediction=mask, truth=mask)
    _, true, predicted = panels(drawn, 3)
    middle = predicted.shape[0] // 2
    for panel, color in ((predicted, PREDICTION_COLOR), (true, TRUTH_COLOR)):
        expected = 0.55 * 128 + 0.45 * np.asarray(color)
        assert panel[middle, 150] == pytest.approx(expected, abs=1)


def test_inputs_are_left_alone(visualizer):
    image, mask = picture(60, 80), box(60, 80, 5, 5)
    before = image.copy(), mask.copy()
    visualizer.draw_expression(image, "x", prediction=mask, truth=mask)
    assert np.array_equal(image, before[0])
    assert np.array_equal(mask, before[1])


@pytest.mark.parametrize(
    "size", [(48, 48), (48, 64), (333, 500), (2000, 1500), (9, 400)]
)
def test_panels_keep_proportions_at_a_readable_size(visualizer, size):
    mask = box(*size, 1, 1)
    drawn = visualizer.draw_expression(picture(*size), "x", prediction=mask, truth=mask)
    width = panels(drawn, 3)[0].shape[1]
    longer = width if size[1] >= size[0] else round(width * size[0] / size[1])
    assert 256 <= longer <= 641
    assert drawn.dtype == np.uint8
    if 256 <= max(size) <= 640:
        assert width == size[1]


def test_without_a_mask_there_is_no_panel_for_it(visualizer):
    image = picture(300, 300)
    assert visualizer.draw_expression(image, "x").shape[1] == 300
    drawn = visualizer.draw_expression(image, "x", prediction=box(300, 300, 0, 0))
    assert drawn.shape[1] == 604


def test_the_caption_names_kind_and_iou(visualizer, monkeypatch):
    texts = []
    module = "mmris.visualization.ref_seg_visualizer.draw_caption"
    monkeypatch.setattr(
        module,
        lambda text, width, size, max_lines=None: (
            texts.append(text) or np.zeros((size, width, 3), dtype=np.uint8)
        ),
    )
    prediction, truth = box(60, 60, 0, 0), box(60, 60, 0, 10)
    visualizer.draw_expression(
        picture(60, 60),
        "das M\u00e4dchen",
        prediction=prediction,
        truth=truth,
        kind="place",
    )
    assert texts[-1] == "\u201cdas M\u00e4dchen\u201d [place] \u00b7 IoU 33.3"


def test_iou_of_masks():
    empty = np.zeros((4, 4), dtype=bool)
    full = np.ones((4, 4), dtype=np.uint8)
    half = full.copy()
    half[:2] = 0
    assert mask_iou(full, full) == 1
    assert mask_iou(full, half) == 0.5
    assert mask_iou(empty, half) == 0
    assert mask_iou(empty, empty) == 1


def test_a_data_sample_gives_one_picture_an_expression(visualizer):
    sample = SegDataSample()
    sample.set_field(["one", "two", "three"], "expressions")
    sample.pred_sem_seg = PixelData(data=torch.zeros(3, 40, 50, dtype=torch.bool))
    sample.gt_sem_seg = PixelData(data=torch.ones(3, 40, 50, dtype=torch.uint8))
    image = picture(40, 50)
    assert len(visualizer.draw_datasample(image, sample)) == 3
    assert len(visualizer.draw_datasample(image, sample, max_expressions=2)) == 2


def test_backends_get_the_pictures(tmp_path):
    assert VISUALIZERS.get("RefSegVisualizer") is RefSegVisualizer
    visualizer = RefSegVisualizer(
        "files", vis_backends=[{"type": "LocalVisBackend"}], save_dir=str(tmp_path)
    )
    sample = SegDataSample()
    sample.set_field(["one"], "expressions")
    visualizer.add_datasample("val_7", picture(40, 50), sample, step=12)
    assert (tmp_path / "vis_data" / "vis_image" / "val_7_0_12.png").is_file()


def test_wrong_arguments_are_named(visualizer):
    with pytest.raises(ValueError, match=r"visualizer\.alpha is 2"):
        RefSegVisualizer("a", alpha=2)
    with pytest.raises(ValueError, match=r"visualizer\.min_side is 9 and max_side 8"):
        RefSegVisualizer("b", min_side=9, max_side=8)
    with pytest.raises(ValueError, match=r"image has shape \(4, 4\)"):
        visualizer.draw_expression(np.zeros((4, 4), dtype=np.uint8), "x")
    with pytest.raises(
        ValueError, match=r"truth has size \(3, 4\) but the image \(4, 4\)"
    ):
        visualizer.draw_expression(picture(4, 4), "x", truth=np.zeros((3, 4)))


def overlay(visualizer, image, masks, **options):
    words = [f"thing {i}" for i in range(len(masks))]
    return visualizer.draw_overlay(image, np.stack(masks), words, **options)


def test_an_overlay_shows_each_mask_in_its_colour(visualizer):
    image = np.full((300, 420, 3), 128, dtype=np.uint8)
    masks = [box(300, 420, 10, 20), box(300, 420, 150, 250)]
    drawn = overlay(visualizer, image, masks)
    assert drawn.shape[1] == 420
    for (row, column), color in (((20, 30), ORANGE), ((160, 260), BLUE)):
        expected = 0.55 * 128 + 0.45 * np.asarray(color)
        assert drawn[row, column] == pytest.approx(expected, abs=1)
    assert (drawn[140, :230] == 128).all()  # neither mask
    changed = (drawn[:300] != 128).any(axis=2)
    for mask in masks:
        assert changed[mask].mean() > 0.99
    assert changed[~(masks[0] | masks[1])].mean() < 0.05  # only the outlines


def test_a_legend_has_a_row_an_expression_with_the_colours_of_the_masks(visualizer):
    image = np.full((300, 420, 3), 128, dtype=np.uint8)
    masks = [np.zeros((300, 420), dtype=bool)] * 7
    drawn = overlay(visualizer, image, masks)
    assert (drawn[:300] == 128).all()  # empty masks leave the picture alone
    legend = drawn[300:]
    rows = np.array_split(legend, 7)
    assert legend.shape[0] % 7 == 0
    for number, row in enumerate(rows):
        color = line_style(number).color
        assert (row == color).all(axis=2).any()
        for other in range(7):
            if other != number:
                assert not (row == line_style(other).color).all(axis=2).any()


def test_numbers_are_drawn_where_there_are_several(visualizer):
    image = np.full((300, 300, 3), 128, dtype=np.uint8)
    mask = box(300, 300, 100, 100)
    alone = overlay(visualizer, image, [mask])
    twice = overlay(visualizer, image, [mask, mask])
    middle = (slice(130, 170), slice(130, 170))
    assert np.unique(alone[middle].reshape(-1, 3), axis=0).shape[0] == 1
    assert (twice[middle] == 255).all(axis=2).any()
    # In the legend the number stands before the tint.
    tint = 0.55 * 255 + 0.45 * np.asarray(ORANGE)
    starts = [
        np.flatnonzero((np.abs(drawn[300:] - tint) <= 1).all(axis=2).any(axis=0)).min()
        for drawn in (alone, twice)
    ]
    assert starts[1] > starts[0] + 12


def test_kinds_and_notes_stand_after_the_words(visualizer, monkeypatch):
    texts = []
    module = "mmris.visualization.legend.draw_caption"
    monkeypatch.setattr(
        module,
        lambda text, width, size, max_lines: (
            texts.append(text) or np.zeros((size, width, 3), dtype=np.uint8)
        ),
    )
    masks = [box(90, 90, 0, 0)] * 2
    overlay(
        visualizer, picture(90, 90), masks, kinds=["place", ""], notes=["0.9", "0.1"]
    )
    assert texts == [
        "\u201cthing 0\u201d [place] \u00b7 0.9",
        "\u201cthing 1\u201d \u00b7 0.1",
    ]


@pytest.mark.parametrize("size", [(1, 1), (48, 48), (9, 400), (400, 9), (1500, 2000)])
def test_overlays_of_any_size_and_any_words(visualizer, size):
    masks = np.stack([np.ones(size, bool), box(*size, 0, 0), np.zeros(size, bool)])
    words = ["x" * 10_000, "\U0001f98a\ud83d", "\u05de " * 3000]
    drawn = visualizer.draw_overlay(picture(*size), masks, words)
    assert drawn.dtype == np.uint8
    assert max(drawn.shape[1], drawn.shape[0]) < 1500


def test_overlays_leave_their_inputs_alone(visualizer):
    image, masks = picture(60, 80), [box(60, 80, 5, 5), box(60, 80, 9, 9)]
    before = image.copy(), [mask.copy() for mask in masks]
    overlay(visualizer, image, masks)
    assert np.array_equal(image, before[0])
    assert all(map(np.array_equal, masks, before[1]))


def test_wrong_overlays_are_named(visualizer):
    image, mask = picture(60, 80), box(60, 80, 5, 5)
    with pytest.raises(ValueError, match=r"image has shape \(60, 80\)"):
        visualizer.draw_overlay(image[..., 0], mask[None], ["x"])
    with pytest.raises(ValueError, match=r"mask has size \(80, 60\) but the image"):
        visualizer.draw_overlay(image, mask.T[None], ["x"])
    with pytest.raises(ValueError, match="got 2 expressions, 1 masks, 2 kinds"):
        visualizer.draw_overlay(image, mask[None], ["x", "y"])
    with pytest.raises(ValueError, match="1 masks, 1 kinds and 2 notes"):
        visualizer.draw_overlay(image, mask[None], ["x"], notes=["a", "b"])
    with pytest.raises(ValueError, match="got 0 expressions"):
        visualizer.draw_overlay(image, np.zeros((0, 60, 80)), [])
