from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmris.apis.pictures import to_bgr
from mmris.datasets.transforms import LoadRefImage

GENERATOR = np.random.default_rng(0)
RGB = GENERATOR.integers(0, 256, size=(5, 7, 3), dtype=np.uint8)
BGR = np.ascontiguousarray(RGB[..., ::-1])


def test_every_kind_of_picture_gives_the_same_colours(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    for picture, order in (
        (str(path), None),
        (path, None),
        (Image.fromarray(RGB), None),
        (np.asarray(Image.open(path)), "rgb"),
        (cv2.imread(str(path)), "bgr"),
    ):
        np.testing.assert_array_equal(to_bgr(picture, channel_order=order), BGR)


def test_grey_arrays_need_no_order():
    grey = RGB[..., 0]
    found = to_bgr(grey, channel_order=None)
    assert found.shape == (5, 7, 3)
    assert all(np.array_equal(found[..., i], grey) for i in range(3))


def save_kinds(folder):
    image = Image.fromarray(RGB)
    wide = (RGB[..., 0].astype(np.uint16) << 8) + 7
    kinds = {
        "grey.png": image.convert("L"),
        "palette.png": image.convert("P"),
        "cmyk.jpg": image.convert("CMYK"),
        "alpha.png": image.convert("RGBA"),
        "wide.png": Image.fromarray(wide),
        "bits.png": image.convert("1"),
    }
    for name, picture in kinds.items():
        picture.save(folder / name)
    return [folder / name for name in kinds]


def test_files_of_any_mode_are_read_as_the_datasets_read_them(tmp_path):
    for path in save_kinds(tmp_path):
        expected = LoadRefImage().transform({"img_path": str(path)})["img"]
        np.testing.assert_array_equal(to_bgr(path, channel_order=None), expected)
        opened = to_bgr(Image.open(path), channel_order=None)
        np.testing.assert_array_equal(opened, expected)


def test_photographs_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    Image.fromarray(RGB).save(tmp_path / "turned.png", exif=exif)
    found = to_bgr(tmp_path / "turned.png", channel_order=None)
    np.testing.assert_array_equal(found, np.rot90(BGR, -1))


@pytest.mark.parametrize(
    ("picture", "order", "error", "message"),
    [
        (RGB, None, ValueError, "channel_order='bgr' for pictures of cv2.imread"),
        (RGB, "RGB", ValueError, "channel_order is 'RGB'; give 'rgb' or 'bgr'"),
        (RGB.astype(float), "rgb", ValueError, r"shape \(5, 7, 3\) and type float64"),
        (RGB.transpose(2, 0, 1), "rgb", ValueError, r"shape \(3, 5, 7\)"),
        (np.zeros((4, 4, 4), np.uint8), "rgb", ValueError, r"shape \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), "rgb", ValueError, r"shape \(0, 4, 3\)"),
        (torch.zeros(3, 4, 4), "rgb", TypeError, "images.2. is of type Tensor"),
        (None, None, TypeError, "is of type NoneType"),
        (Path("nowhere.jpg"), None, FileNotFoundError, "no picture nowhere.jpg"),
        (".", None, IsADirectoryError, "is a folder, no picture"),
    ],
)
def test_messages(picture, order, error, message):
    with pytest.raises(error, match=message):
        to_bgr(picture, channel_order=order, name="images[2]")


def test_a_damaged_file_is_named(tmp_path):
    Image.fromarray(RGB).resize((70, 50)).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cut.jpg .* is no complete picture"):
        to_bgr(tmp_path / "cut.jpg", channel_order=None)
