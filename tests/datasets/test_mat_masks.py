"""MATLAB files give the mask of their array, and nothing else of them is read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from mmris.datasets import decode_segmentations
from mmris.datasets.mat_masks import read_mat_mask

HEIGHT, WIDTH = 5, 7


def region(height=HEIGHT, width=WIDTH, dtype=np.uint8):
    """0 on the object, 1 elsewhere, as ReferIt has it."""
    array = np.ones((height, width), dtype)
    array[1:3, 2:6] = 0
    return array


@pytest.mark.parametrize("options", [{}, {"do_compression": True}, {"format": "4"}])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int16])
def test_zero_is_the_object(tmp_path, options, dtype):
    path = str(tmp_path / "8_2.mat")
    savemat(path, {"segimg_t": region(dtype=dtype)}, **options)
    mask = read_mat_mask(path, HEIGHT, WIDTH)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, 1 - region())
    # As a segmentation of a record, beside others.
    square = [[0, 0, 1, 0, 1, 1, 0, 1]]
    both = decode_segmentations([{"mat_file": path}, square], HEIGHT, WIDTH)
    assert both.sum() == 8 + 1


def test_what_else_the_file_holds_is_passed_over(tmp_path):
    path = str(tmp_path / "a.mat")
    cells = np.array([{"deep": [1, 2]}, "text"], dtype=object)
    savemat(path, {"segimg_t": region(), "cells": cells, "struct": {"a": 1}})
    assert read_mat_mask(path, HEIGHT, WIDTH).sum() == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"mask": region()}, r"has no array 'segimg_t'; it has \['mask'\]"),
        ({}, "has no array 'segimg_t'; it has none"),
        ({"segimg_t": "text"}, "'segimg_t' is of type 'char', no array of numbers"),
        ({"segimg_t": {"a": 1}}, "'segimg_t' is of type 'struct', no array of"),
        (
            {"segimg_t": region(WIDTH, HEIGHT)},
            r"of size \(height, width\) \(7, 5\), but the picture is of size \(5, 7\)",
        ),
        ({"segimg_t": np.ones((HEIGHT, WIDTH))}, "nowhere 0: it shows no object"),
    ],
)
def test_another_content_is_refused(tmp_path, content, message):
    path = tmp_path / "a.mat"
    savemat(path, content)
    with pytest.raises(ValueError, match=message) as caught:
        read_mat_mask(str(path), HEIGHT, WIDTH)
    assert str(path) in str(caught.value)


def test_a_missing_file_says_what_is_there(tmp_path):
    (tmp_path / "8_1.mat").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"8_2.mat: in .* there is 8_1.mat"):
        read_mat_mask(str(tmp_path / "8_2.mat"), HEIGHT, WIDTH)


def test_cut_and_changed_files_are_named_or_read(tmp_path):
    """No byte of a file makes anything but a one-line error or a right-sized mask."""
    path = tmp_path / "a.mat"
    savemat(path, {"segimg_t": region(30, 40)}, do_compression=True)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    refusals = []
    for _ in range(150):
        content = bytearray(whole)
        if random.random() < 0.3:
            content = content[: random.integers(len(content))]
        else:
            for place in random.integers(len(content), size=3):
                content[place] = random.integers(256)
        path.write_bytes(content)
        try:
            assert read_mat_mask(str(path), 30, 40).shape == (30, 40)
        except ValueError as error:
            refusals.append(str(error))
    assert len(refusals) > 75
    assert all(str(path) in message for message in refusals)
    assert not any("\n" in message for message in refusals)
