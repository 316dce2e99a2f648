import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmris.datasets.masks import encode_mask
from mmris.evaluation import MaskRuns
from mmris.evaluation.mask_runs import decompress
from mmris.evaluation.scored_image import decode_runs


@pytest.mark.parametrize("size", [(1, 1), (5, 8), (480, 640), (3, 1)])
def test_runs_give_back_the_mask(size):
    rng = np.random.default_rng(0)
    for share in (0.0, 0.02, 0.5, 1.0):
        mask = rng.random(size) < share
        runs = MaskRuns.from_counts(encode_mask(mask)["counts"], size)
        np.testing.assert_array_equal(decode_runs([runs])[0].numpy(), mask)
        assert runs.area == mask.sum()


def test_large_shapes_with_long_runs():
    mask = np.zeros((3000, 2000), bool)
    mask[100:2900, 50:1900] = True
    other = np.zeros_like(mask)
    other[1500:, :] = True
    one, two = (
        MaskRuns.from_counts(encode_mask(x)["counts"], x.shape) for x in (mask, other)
    )
    assert one.intersection(two) == two.intersection(one) == (mask & other).sum()


def test_uncompressed_run_lengths():
    # Column by column: 2 of background, 3 of mask, 1 of background.
    runs = MaskRuns.from_counts([2, 3, 1], (2, 3))
    assert decode_runs([runs])[0].int().tolist() == [[0, 1, 1], [0, 1, 0]]
    full = MaskRuns.from_counts([0, 6], (2, 3))
    assert full.area == 6
    assert runs.intersection(full) == full.intersection(runs) == 3


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("", "not COCO's compressed form"),
        ("!", "not COCO's compressed form"),
        ("o", "not COCO's compressed form"),
        ("oooooooo0", "a number has 9 characters"),
        ([1, -1, 6], "malformed: they have the sum 6"),
        ([1, 2], "they have the sum 3, and a picture of height 2 and width 3 has 6"),
        ([1.5, 4.5], "no list of ints"),
        ([1.0, 5.0], "no list of ints"),
        ([float("nan")], "no list of ints"),
        ([True, 5], "no list of ints"),
        ([[1, 2], [3]], "no list of ints"),
        (["1", "5"], "no list of ints"),
        ([], "no list of ints"),
        ([2**70], "have the sum 1180591620717411303424"),
        ([-(2**70), 6], "malformed: they have the sum -11805916207174113"),
        # With 64 bits these have the sum 6.
        ([2**62, 2**62, 2**62, 2**62, 6], "malformed: they have the sum 18446"),
        ([2**63 - 1, 2**63 - 1, 8], "malformed: they have the sum 18446"),
        ("\u2603", "not COCO's compressed form"),
        ("\ud800", "not COCO's compressed form"),
    ],
)
def test_malformed_run_lengths_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        MaskRuns.from_counts(counts, (2, 3))


def test_no_characters_whatever_make_a_wrong_mask():
    """Every string is refused or is what pycocotools reads."""
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(3000):
        text = "".join(chr(x) for x in rng.integers(48, 62, rng.integers(1, 6)))
        try:
            runs = MaskRuns.from_counts(text, (4, 5))
        except ValueError:
            continue
        read += 1
        encoding = {"size": [4, 5], "counts": text.encode()}
        assert runs.area == coco_mask.area(encoding)
    assert read > 5


def test_differences_are_added_up():
    mask = np.zeros((40, 1), bool)
    mask[3:5], mask[20:21], mask[22:39] = True, True, True
    text = encode_mask(mask)["counts"]
    assert decompress(text).tolist() == [3, 2, 15, 1, 1, 17, 1]
    assert decompress(text.encode()).tolist() == [3, 2, 15, 1, 1, 17, 1]


@pytest.mark.parametrize("size", [(0, 0), (-2, -3), (2**40, 2**40), (0, 7)])
def test_sizes_of_no_picture_are_refused(size):
    for counts in ("0", [0], [6], [size[0] * size[1]]):
        with pytest.raises(ValueError, match="is none; give the size of the picture"):
            MaskRuns.from_counts(counts, size)
