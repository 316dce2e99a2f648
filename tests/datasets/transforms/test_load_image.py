"""Pictures are read as they are stored, and broken ones are named."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mmris.datasets import LoadRefImage
from mmris.datasets.transforms import read_image

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
        np.testing.assert_array_equal(results["img"], expected)
        # Two libraries may have decoders of JPEG that round differently.
        by_pillow = np.asarray(Image.open(path).convert("RGB"))[..., ::-1].astype(int)
        assert abs(by_pillow - expected).max() <= 4


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("apply_exif", [True, False])
def test_all_kinds_of_jpeg_are_as_pillow_reads_them(picture, mode, apply_exif):
    smooth = cv2.GaussianBlur(picture, (0, 0), 4)
    content = io.BytesIO()
    Image.fromarray(smooth).convert(mode).save(content, "JPEG", quality=95)
    expected = np.asarray(Image.open(content).convert("RGB"))[..., ::-1].astype(int)
    result = read_image(content.getvalue(), apply_exif=apply_exif)
    assert result.shape == (HEIGHT, WIDTH, 3)
    assert result.flags.c_contiguous
    assert abs(expected - result).max() <= 4


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


def test_a_missing_picture_one_level_off_is_found(picture, tmp_path):
    (tmp_path / "train").mkdir()
    Image.fromarray(picture).save(tmp_path / "train" / "a.png")
    message = r"It lies one level off, at .*train/a\.png: correct .*'image_dir'"
    with pytest.raises(FileNotFoundError, match=message):
        LoadRefImage()(item(tmp_path / "a.png"))


def packed(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_paths_bytes_and_pillow_images_are_the_same(picture, tmp_path):
    image = Image.fromarray(picture)
    image.save(tmp_path / "a.png")
    path = tmp_path / "a.png"
    for source in (str(path), path, path.read_bytes(), image):
        for apply_exif in (True, False):
            found = read_image(source, apply_exif=apply_exif)
            np.testing.assert_array_equal(found, picture[..., ::-1])
            assert found.flags.c_contiguous
            assert found.dtype == np.uint8


# What a viewer does to the stored pixels for each orientation of EXIF.
TURNS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p, 1),
}


@pytest.mark.parametrize("orientation", list(TURNS))
def test_photographs_are_turned_upright_if_asked(picture, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = packed(Image.fromarray(picture), exif=exif)
    stored = picture[..., ::-1]
    for source in (content, Image.open(io.BytesIO(content))):
        found = read_image(source, apply_exif=True)
        np.testing.assert_array_equal(found, TURNS[orientation](stored))
        np.testing.assert_array_equal(read_image(source, apply_exif=False), stored)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_damaged_exif_data_do_not_matter(picture):
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + b"\x12" * 40
    content = packed(Image.fromarray(picture), exif=exif)
    found = read_image(content, apply_exif=True)
    np.testing.assert_array_equal(found, picture[..., ::-1])


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
@pytest.mark.parametrize("apply_exif", [True, False])
def test_16_bits_of_grey_use_the_whole_range(suffix, apply_exif):
    grey = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16)
    grey = grey.reshape(HEIGHT, WIDTH)
    content = cv2.imencode(suffix, grey)[1].tobytes()
    found = read_image(content, apply_exif=apply_exif)
    assert found.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(found, np.stack([grey // 256] * 3, axis=-1))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
def test_16_bits_of_colour_use_the_whole_range(picture, suffix):
    colour = picture.astype(np.uint16) * 257  # 255 becomes 65535
    found = read_image(cv2.imencode(suffix, colour)[1].tobytes(), apply_exif=False)
    np.testing.assert_array_equal(found, picture)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_of_unknown_range_are_refused(dtype):
    content = packed(Image.fromarray(np.ones((3, 4), dtype)), "TIFF")
    message = r"the picture has pixels of mode '[IF]' \(32 bits\).* 8 or 16 bits"
    with pytest.raises(ValueError, match=message):
        read_image(content, apply_exif=True)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_has_three_equal_channels(picture, mode):
    image = Image.fromarray(picture).convert(mode)
    found = read_image(packed(image), apply_exif=True)
    expected = np.asarray(image).astype(np.uint8) * (255 if mode == "1" else 1)
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_lies_on_white(picture, mode):
    image = Image.fromarray(picture).convert(mode)
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:10], alpha[10:20] = 0, 51  # 51 / 255 is a fifth
    image.putalpha(Image.fromarray(alpha))
    found = read_image(packed(image), apply_exif=True)
    opaque = np.asarray(image.convert("RGB"))[..., ::-1]
    assert (found[:10] == 255).all()
    mixed = 0.2 * opaque[10:20] + 0.8 * 255
    assert np.abs(found[10:20] - mixed).max() <= 1
    np.testing.assert_array_equal(found[20:], opaque[20:])


def test_a_transparent_colour_of_a_palette_lies_on_white():
    image = Image.new("P", (4, 3))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 2), 1)
    found = read_image(packed(image, transparency=0), apply_exif=True)
    assert found[2, 1].tolist() == [60, 50, 40]
    assert found[0, 0].tolist() == [255, 255, 255]


def test_the_first_picture_of_an_animation_is_taken():
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    content = packed(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_image(content, apply_exif=True)[0, 0].tolist() == [0, 0, 255]


def test_bytes_that_are_no_picture_are_refused():
    message = r"the picture \(4 bytes\) is no complete picture: it begins with b'text'"
    with pytest.raises(ValueError, match=message):
        read_image(b"text", apply_exif=True)


def test_a_missing_path_and_a_folder_are_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no picture .*a\.jpg\. Check the path"
    ):
        read_image(tmp_path / "a.jpg", apply_exif=True)
    with pytest.raises(
        IsADirectoryError, match="is a folder, no picture. Give the pat"
    ):
        read_image(tmp_path, apply_exif=True)


def test_a_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    content = packed(Image.new("L", (7, 3)))
    with pytest.raises(
        ValueError, match="more than 20 pixels, .*Scale the picture down"
    ):
        read_image(content, apply_exif=True)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on damaged tags
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP"])
def test_damaged_files_give_pixels_or_a_clear_error(picture, kind):
    generator = np.random.default_rng(1)
    content = packed(Image.fromarray(picture), kind)
    for _ in range(60):
        damaged = bytearray(content)
        for place in generator.integers(0, len(content), 4):
            damaged[place] = generator.integers(0, 256)
        try:
            found = read_image(bytes(damaged), apply_exif=True)
        except ValueError as error:
            found, message = None, str(error)
        if found is None:
            assert message.startswith("the picture ")
        else:
            assert found.ndim == 3
            assert found.dtype == np.uint8
