import pytest
import torch
from mmseg.structures import SegDataSample

from mmris.models import RefSegDataPreprocessor

MEAN, STD = (10.0, 20.0, 30.0), (1.0, 2.0, 4.0)


def make_sample(image_id, expressions):
    sample = SegDataSample(
        metainfo={"image_id": image_id, "img_path": f"{image_id}.jpg"}
    )
    sample.expressions = expressions
    return sample


def make_batch():
    first = torch.randint(0, 256, (3, 4, 6), dtype=torch.uint8)
    second = torch.randint(0, 256, (3, 4, 6), dtype=torch.uint8)
    return {
        "inputs": [first, second, first.clone()],
        "data_samples": [
            make_sample(7, ["a", "b"]),
            make_sample(9, ["c"]),
            make_sample(7, ["d", "e", "f"]),
        ],
    }


def test_channels_are_reversed_then_normalised():
    batch = make_batch()
    out = RefSegDataPreprocessor(mean=MEAN, std=STD, bgr_to_rgb=True)(batch)
    assert out["inputs"].shape == (3, 3, 4, 6)
    for channel in range(3):
        expected = (batch["inputs"][1][2 - channel].float() - MEAN[channel]) / STD[
            channel
        ]
        torch.testing.assert_close(out["inputs"][1, channel], expected)


def test_items_of_one_picture_share_it_in_training_only():
    preprocessor = RefSegDataPreprocessor(mean=MEAN, std=STD)
    shared = preprocessor(make_batch(), training=True)
    assert shared["inputs"].shape[0] == 2
    assert shared["image_index"].tolist() == [0, 0, 1, 0, 0, 0]
    apart = preprocessor(make_batch(), training=False)
    assert apart["inputs"].shape[0] == 3
    assert apart["image_index"].tolist() == [0, 0, 1, 2, 2, 2]
    off = RefSegDataPreprocessor(mean=MEAN, std=STD, share_images=False)
    assert off(make_batch(), training=True)["inputs"].shape[0] == 3


def test_differently_augmented_copies_and_other_images_stay_apart():
    batch = make_batch()
    batch["inputs"][2] = batch["inputs"][2].flip(-1)
    out = RefSegDataPreprocessor()(batch, training=True)
    assert out["image_index"].tolist() == [0, 0, 1, 2, 2, 2]
    batch = make_batch()
    batch["inputs"][1] = batch["inputs"][0]  # equal pixels, another image_id
    assert RefSegDataPreprocessor()(batch, training=True)["inputs"].shape[0] == 2


def test_unequal_sizes_are_refused():
    batch = make_batch()
    batch["inputs"][1] = batch["inputs"][1].transpose(1, 2)
    with pytest.raises(ValueError, match=r"\(4, 6\) and \(6, 4\) \(item 1 9.jpg\)"):
        RefSegDataPreprocessor()(batch)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ([0.5] * 3, [0.5] * 3),
        ((0, 0, 0), (0.5, 0.5, 0.5)),
    ],
)
def test_numbers_for_pixels_from_0_to_1_are_refused(mean, std):
    message = (
        r"data_preprocessor has mean \(.*\) and std \(.*\), .* multiply both by 255"
    )
    with pytest.raises(ValueError, match=message):
        RefSegDataPreprocessor(mean=mean, std=std)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
        ((104.0, 116.7, 122.7), (1.0, 1.0, 1.0)),
        ((0, 0, 0), (255, 255, 255)),
        ((0, 0, 0), (1, 1, 1)),
        ((127.5,) * 3, (0.5,) * 3),
        (None, None),
    ],
)
def test_other_numbers_are_taken(mean, std):
    RefSegDataPreprocessor(mean=mean, std=std)
