"""Pictures are read as they are stored, and broken ones are named."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from mmris.datasets import LoadRefImage

HEIGHT, WIDTH = 30, 47


@pytest.fixture
def picture():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def item(path, **more):
    return {"img_path": str(path), "height": HEIGHT, "width": WIDTH, **more}


def test_channels_are_blue_green_red(picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "a.png")
    results = LoadRefImage()(item(tmp_path / "a.png"))
    np.testing.assert_array_equal(results["img"], picture[..., ::-1])
    assert results["img"].dtype == np.uint8
    assert results["img_shape"] == results["ori_shape"] == (HEIGHT, WIDTH)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK"])
def test_other_modes_become_three_channels(picture, tmp_path, mode):
    path = tmp_path / "a.tif"
    Image.fromarray(picture).convert(mode).save(path)
    results = LoadRefImage()(item(path))
    expected = np.asarray(Image.open(path).convert("RGB"))[..., ::-1]
    np.testing.assert_array_equal(results["img"], expected)


def test_the_orientation_of_a_photograph_is_ignored(picture, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=exif)
    assert cv2.imread(str(tmp_path / "a.jpg")).shape[:2] == (WIDTH, HEIGHT)
    results = LoadRefImage()(item(tmp_path / "a.jpg"))
    assert results["ori_shape"] == (HEIGHT, WIDTH)


def test_real_photographs_are_those_that_opencv_reads(test_data):
    folder = test_data / "mini_refcoco/images/mscoco/images/train2014"
    for path in sorted(folder.iterdir())[:4]:
        expected = cv2.imread(str(path), cv2.IMREAD_COLOR)
        results = LoadRefImage()({"img_path": str(path)})
        # Two decoders of JPEG may round differently.
        difference = results["img"].astype(int) - expected
        assert abs(difference).max() <= 4
        assert abs(difference).mean() < 0.5


def test_a_picture_that_the_dataset_made_is_kept(picture):
    results = LoadRefImage()(item("no such file", img=picture))
    assert results["img"] is picture
    assert results["img_shape"] == results["ori_shape"] == (HEIGHT, WIDTH)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no picture .*a\.jpg.*'image_dir'"):
        LoadRefImage()(item(tmp_path / "a.jpg"))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9])
def test_a_file_that_ends_early_is_named(picture, tmp_path, suffix, share):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(picture).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r"a\.\w+ \(\d+ bytes\) is no complete pic"):
        LoadRefImage()(item(path))


def test_a_page_of_text_is_no_picture(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match=r"no complete picture.*download it again"):
        LoadRefImage()(item(tmp_path / "a.jpg"))


def test_another_size_than_recorded_is_refused(picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "a.png")
    message = r"a\.png is of size .*\(30, 47\).*are for \(47, 30\)"
    with pytest.raises(ValueError, match=message):
        LoadRefImage()(item(tmp_path / "a.png", height=WIDTH, width=HEIGHT))
    with pytest.raises(ValueError, match=r"the picture is of size .*for \(30, 48\)"):
        LoadRefImage()(item("", img=picture, width=48))
