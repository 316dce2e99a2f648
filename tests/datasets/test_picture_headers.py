"""Sizes are read without pixels."""

from __future__ import annotations

import pytest
from PIL import Image

from mmris.datasets.picture_headers import read_picture_header
from mmris.datasets.transforms import read_image
from tests.datasets.own_data import HEIGHT, WIDTH, write_picture

SUFFIXES = ["jpg", "png", "webp", "tif", "bmp", "gif"]


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_is_that_of_the_pixels(tmp_path, suffix):
    write_picture(tmp_path / f"a.{suffix}")
    header = read_picture_header(tmp_path, f"a.{suffix}")
    assert (header.height, header.width, header.turned) == (HEIGHT, WIDTH, False)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", [0, 1, 3, 6])
def test_turned_photographs_are_told(tmp_path, suffix, orientation):
    path = tmp_path / f"a.{suffix}"
    write_picture(path, exif=exif(orientation))
    header = read_picture_header(tmp_path, path.name)
    if suffix != "tif":  # Pillow turns TIFF files itself, the size with the pixels
        assert header.turned == (orientation in (3, 6))
        assert (header.height, header.width) == (HEIGHT, WIDTH)
    pixels = read_image(path, apply_exif=False)
    assert (header.height, header.width) == pixels.shape[:2]


def test_pixels_are_not_read(tmp_path):
    path = tmp_path / "a.jpg"
    write_picture(path, height=300, width=200)
    path.write_bytes(path.read_bytes()[:2000])
    assert read_picture_header(tmp_path, "a.jpg").height == 300


def test_files_that_are_no_pictures_are_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"<html>not found</html>")
    message = r"a\.jpg \(22 bytes\) begins with b'<html>.*Copy or download it again"
    with pytest.raises(ValueError, match=message):
        read_picture_header(tmp_path, "a.jpg")
    (tmp_path / "b.jpg").touch()
    with pytest.raises(ValueError, match=r"b\.jpg \(0 bytes\) begins with b''"):
        read_picture_header(tmp_path, "b.jpg")
    with pytest.raises(ValueError, match=r"is a folder, no picture"):
        read_picture_header(tmp_path, ".")


def test_a_missing_picture_says_what_is_there(tmp_path):
    write_picture(tmp_path / "b.jpg")
    message = r"no picture .*a\.jpg: in .* there is b\.jpg\. Check 'image_dir'"
    with pytest.raises(FileNotFoundError, match=message):
        read_picture_header(tmp_path, "a.jpg")


def test_a_picture_one_level_off_is_found(tmp_path):
    write_picture(tmp_path / "images" / "a.jpg")
    message = rf"no picture .*a\.jpg\. .* off, at .*: set image_dir='{tmp_path}/images'"
    for wrong in (tmp_path, tmp_path / "images" / "train", tmp_path / "photos"):
        with pytest.raises(FileNotFoundError, match=message):
            read_picture_header(wrong, "a.jpg")
    with pytest.raises(FileNotFoundError, match=rf"set image_dir='{tmp_path}'"):
        read_picture_header(tmp_path / "photos", "images/a.jpg")
    with pytest.raises(FileNotFoundError, match=r"correct 'image' in the entries"):
        read_picture_header(tmp_path / "images", "photos/a.jpg")
