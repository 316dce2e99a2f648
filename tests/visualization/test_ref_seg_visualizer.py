import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmris.registry import VISUALIZERS
from mmris.visualization.ref_seg_visualizer import (
    PREDICTION_COLOR,
    TRUTH_COLOR,
    RefSegVisualizer,
    mask_iou,
)


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
    heading = drawn.shape[0] - 300 - 20
    plain, predicted, true = (p[heading:][:300] for p in panels(drawn, 3))
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
    _, predicted, true = panels(drawn, 3)
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
        lambda text, width, size: (
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
    assert texts[-1] == "\u201cdas M\u00e4dchen\u201d  [place]  IoU 33.3"


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
