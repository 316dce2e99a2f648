"""What the page refuses, and how politely."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmris.web import Limits, RateLimit, RefusedError, check_text, read_picture

LIMITS = Limits(megabytes=1, megapixels=1, side=64, expressions=3, characters=20)


def png_header(width, height, data=b""):
    """A PNG that says how large it is, and has other pixels."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def encoded(size, kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, (250, 10, 0)).save(file, kind)
    return file.getvalue()


def test_expressions_are_lines():
    assert check_text("  the red   circle \n\n left\nleft\n", LIMITS) == [
        "the red circle",
        "left",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "Please write what you are looking for"),
        (" \n ", "Please write what you are looking for"),
        (7, "Please write what you are looking for"),
        ("x" * 10_000, "That is 10,000 characters. Please use at most 20 a line"),
        ("x" * 21, "That is 21 characters"),
        ("a\nb\nc\nd", "These are 4 expressions. Please ask for at most 3"),
        ("a\n" * 100_000, "Please use at most"),
    ],
)
def test_refused_texts(text, said):
    with pytest.raises(RefusedError, match=said):
        check_text(text, LIMITS)


def test_a_picture_is_made_small_enough(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded((200, 100), "JPEG"))
    picture = read_picture(str(path), LIMITS)
    assert picture.shape == (32, 64, 3)
    assert np.abs(picture.astype(int) - (0, 10, 250)).max() < 6


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a picture that can be read"),
        (b"no picture", "not a picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (encoded((200, 100))[:-60], "not a picture that can be read"),
        (png_header(10_000, 10_000), "10000 x 10000 pixels, 100 megapixels. Please"),
        (png_header(1 << 16, 1 << 16), "far too many pixels. Please make it smaller"),
        (png_header(300, 300, zlib.compress(b"\0" * 90)), "not a picture that can"),
        (b"x" * 2_000_000, "This file has 2 MB. Please send at most 1 MB"),
        (encoded((1000, 3)), "too narrow to find"),
    ],
)
def test_refused_pictures(content, said, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match=said):
        read_picture(str(path), LIMITS)


@pytest.mark.parametrize("path", [None, "", "nowhere.png", "/"])
def test_no_picture(path):
    with pytest.raises(RefusedError, match="choose a picture first"):
        read_picture(path, LIMITS)


def test_requests_in_a_minute():
    now = [100.0]
    limit = RateLimit(2, clock=lambda: now[0])
    limit.check("a")
    now[0] += 20
    limit.check("a")
    limit.check("b")
    now[0] += 10
    with pytest.raises(RefusedError, match="2 requests .* wait 30 seconds"):
        limit.check("a")
    now[0] += 30
    limit.check("a")
    with pytest.raises(RefusedError):
        limit.check("a")


def test_clients_are_forgotten(monkeypatch):
    monkeypatch.setattr("mmris.web.limits._MAX_CLIENTS", 2)
    limit = RateLimit(1)
    for client in "abc":
        limit.check(client)
    limit.check("a")
    with pytest.raises(RefusedError):
        limit.check("c")
