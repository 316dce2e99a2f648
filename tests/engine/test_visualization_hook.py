from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmris.engine.hooks.visualization_hook import RefVisualizationHook, original_image
from mmris.visualization import RefSegVisualizer


def smooth_picture(height, width):
    rows = np.linspace(0, 200, height)[:, None]
    columns = np.linspace(0, 50, width)[None, :]
    picture = np.stack([rows + columns, rows + 0 * columns, 0 * rows + columns], axis=2)
    return picture.astype(np.uint8)


def network_input(picture_bgr):
    return torch.from_numpy(np.ascontiguousarray(picture_bgr.transpose(2, 0, 1)))


def sample(image_id=0, ori_shape=(40, 60), expressions=2, **metainfo):
    metainfo = {
        "image_id": image_id,
        "img_path": "",
        "ori_shape": ori_shape,
        **metainfo,
    }
    result = SegDataSample(metainfo=metainfo)
    result.set_field([f"thing {i}" for i in range(expressions)], "expressions")
    masks = torch.zeros(expressions, *ori_shape, dtype=torch.bool)
    result.pred_sem_seg = PixelData(data=masks)
    return result


def test_a_made_picture_comes_back_from_a_letterbox():
    original = smooth_picture(40, 60)
    canvas = np.zeros((48, 48, 3), dtype=np.uint8)
    canvas[8:40] = cv2.resize(original, (48, 32))[
        ..., ::-1
    ]  # BGR, as the network has it
    item = sample(content_box=(8, 0, 32, 48))
    restored = original_image(item, network_input(canvas))
    assert restored.shape == (40, 60, 3)
    assert np.abs(restored.astype(int) - original).max() <= 6


def test_a_flipped_picture_is_turned_back():
    original = smooth_picture(40, 60)
    item = sample(content_box=(0, 0, 40, 60), flip=True)
    flipped = network_input(original[:, ::-1, ::-1])
    assert np.array_equal(original_image(item, flipped), original)


def test_a_picture_with_a_file_is_read_in_rgb(tmp_path):
    picture = smooth_picture(40, 60)
    path = str(tmp_path / "picture.png")
    cv2.imwrite(path, picture[..., ::-1])
    item = sample(img_path=path)
    assert np.array_equal(original_image(item, torch.zeros(3, 8, 8)), picture)


def test_a_path_without_a_file_stands_for_a_made_picture():
    original = smooth_picture(40, 60)
    item = sample(img_path="shapes/val/3", content_box=(0, 0, 40, 60))
    restored = original_image(item, network_input(original[..., ::-1]))
    assert np.array_equal(restored, original)


class Recorder(RefSegVisualizer):
    def __init__(self, name="recorder"):
        super().__init__(name)
        self.names = []

    def add_image(self, name, image, step=0):
        self.names.append((name, step))


def batch(count):
    inputs = [torch.zeros(3, 40, 60, dtype=torch.uint8) for _ in range(count)]
    return {"inputs": inputs}


def test_validation_draws_the_same_first_images_each_time():
    hook = RefVisualizationHook(num_images=3, expressions_per_image=1)
    runner = SimpleNamespace(visualizer=Recorder(), iter=7)
    for _ in range(2):
        hook.before_val_epoch(runner)
        hook.after_val_iter(runner, 0, batch(2), [sample(0), sample(1)])
        hook.after_val_iter(runner, 1, batch(2), [sample(2), sample(3)])
    names = [("val_0_0", 7), ("val_1_0", 7), ("val_2_0", 7)]
    assert runner.visualizer.names == 2 * names


def test_tests_write_every_nth_image_with_all_expressions(tmp_path):
    hook = RefVisualizationHook(
        expressions_per_image=None, test_out_dir=str(tmp_path / "new"), test_interval=2
    )
    runner = SimpleNamespace(visualizer=Recorder())
    hook.before_test_epoch(runner)
    hook.after_test_iter(
        runner, 0, batch(3), [sample(i, expressions=3) for i in range(3)]
    )
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["0_0.png", "0_1.png", "0_2.png", "2_0.png", "2_1.png", "2_2.png"]


def test_tests_draw_nothing_without_a_folder():
    hook = RefVisualizationHook()
    hook.after_test_iter(SimpleNamespace(visualizer=None), 0, batch(1), [sample()])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_images": -1}, r"visualization\.num_images is -1"),
        ({"expressions_per_image": 0}, r"visualization\.expressions_per_image is 0"),
        ({"test_interval": 0}, r"visualization\.test_interval is 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        RefVisualizationHook(**arguments)
