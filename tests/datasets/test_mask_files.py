"""Mask files are numbers, not colours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmris.datasets.mask_files import read_mask_file, select_object

# Numbers of objects; wider than high.
NUMBERS = np.array([[0, 0, 3, 3, 7], [0, 1, 3, 0, 7], [255, 0, 0, 0, 7]], np.uint8)


def save(path, pixels, mode=None, **options):
    Image.fromarray(pixels, mode).save(path, **options)
    return path


def read(path):
    return read_mask_file(path.parent, path.name)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "pgm"])
def test_grey_files_give_their_numbers(tmp_path, suffix):
    found = read(save(tmp_path / f"a.{suffix}", NUMBERS))
    np.testing.assert_array_equal(found, NUMBERS)


def test_16_bits_keep_their_numbers(tmp_path):
    numbers = NUMBERS.astype(np.uint16) * 200
    np.testing.assert_array_equal(read(save(tmp_path / "a.png", numbers)), numbers)


def test_a_palette_gives_its_indices_and_not_its_colours(tmp_path):
    image = Image.fromarray(NUMBERS)
    image.putpalette([200, 10, 30] * 256)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png"), NUMBERS)


def test_one_bit_is_0_and_1(tmp_path):
    Image.fromarray(NUMBERS > 0).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png"), NUMBERS > 0)


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_grey_in_more_channels_is_taken(tmp_path, mode):
    Image.fromarray(NUMBERS).convert(mode).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png"), NUMBERS)


def test_colours_are_refused(tmp_path):
    colours = np.dstack([NUMBERS, NUMBERS, NUMBERS // 2])
    with pytest.raises(ValueError, match=r"a\.png is a colour picture.*one channel: 0"):
        read(save(tmp_path / "a.png", colours))


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
def test_formats_that_change_pixels_are_refused(tmp_path, kind):
    with pytest.raises(ValueError, match=rf"a\.x is a {kind} file.*Save masks as PNG"):
        read(save(tmp_path / "a.x", NUMBERS, format=kind))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_cut_outs_are_refused(tmp_path, mode):
    """White everywhere, the shape in the transparency: all would be the object."""
    pixels = np.full((4, 6, len(mode)), 255, np.uint8)
    pixels[:2, :, -1] = 0
    path = tmp_path / "a.png"
    Image.fromarray(pixels, mode).save(path)
    with pytest.raises(ValueError, match=r"a\.png has numbers .* transparent.*one ch"):
        read(path)
    pixels[:2] = 0
    Image.fromarray(pixels, mode).save(path)
    np.testing.assert_array_equal(read(path), [[0] * 6] * 2 + [[255] * 6] * 2)


def test_fractions_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.tif has numbers with fractions.*whole"):
        read(save(tmp_path / "a.tif", NUMBERS.astype(np.float32)))


def test_files_that_are_cut_off_or_no_pictures_are_named(tmp_path):
    path = save(tmp_path / "a.png", np.arange(6000, dtype=np.uint8).reshape(60, 100))
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"text", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.png is no complete picture.*Write"):
            read(path)


def test_missing_files_are_named_and_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no mask .*a\.png\. Check 'mask_dir'"):
        read(tmp_path / "a.png")
    (tmp_path / "masks").mkdir()
    save(tmp_path / "masks" / "a.png", NUMBERS)
    message = (
        r"no mask .*a\.png\. It lies one level off, at .*masks/a\.png: correct 'ma"
    )
    with pytest.raises(FileNotFoundError, match=message):
        read(tmp_path / "a.png")


def test_objects_are_what_is_not_0_or_of_one_number():
    np.testing.assert_array_equal(select_object(NUMBERS, None, "a"), NUMBERS > 0)
    np.testing.assert_array_equal(select_object(NUMBERS, 3, "a"), NUMBERS == 3)
    np.testing.assert_array_equal(select_object(NUMBERS, 0, "a"), NUMBERS == 0)


def test_objects_without_a_pixel_are_refused():
    with pytest.raises(ValueError, match="a is 0 everywhere: it shows no object"):
        select_object(NUMBERS * 0, None, "a")
    message = "a has no pixel of 'mask_value' 4; it has 0, 1, 3, 7, 255$"
    with pytest.raises(ValueError, match=message):
        select_object(NUMBERS, 4, "a")
    with pytest.raises(ValueError, match=r"it has 0, 1, .*, 11, \.\.\.$"):
        select_object(np.arange(30)[None], 99, "a")
