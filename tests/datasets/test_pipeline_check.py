"""Pipelines that would move pictures away from their masks and words are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmris.apis.inference_pipeline import inference_pipeline
from mmris.datasets import ShapesRefDataset
from mmris.datasets.pipeline_check import COLOUR_TRANSFORMS
from mmris.registry import TRANSFORMS

LOAD = {"type": "LoadRefImage"}
MASKS = {"type": "LoadRefMasks"}
RESIZE = {"type": "RefResize", "size": (48, 64)}
FLIP = {"type": "RefRandomFlip", "prob": 0.5}
PACK = {"type": "PackRefInputs"}
# Enough to build each; what they do at random they do always.
COLOURS = {
    "mmcv": [{"type": "RandomGrayscale", "prob": 1.0, "keep_channels": True}],
    "mmseg": [
        {"type": "mmseg.AdjustGamma", "gamma": 1.5},
        {"type": "mmseg.CLAHE"},
        {"type": "mmseg.PhotoMetricDistortion"},
        {
            "type": "mmseg.RandomCutOut",
            "prob": 1.0,
            "n_holes": 1,
            "cutout_shape": (8, 8),
        },
    ],
    "mmpretrain": [
        *(
            {"type": f"mmpretrain.{name}", "prob": 1.0}
            for name in ("AutoContrast", "Equalize", "Invert")
        ),
        *(
            {"type": f"mmpretrain.{name}", "magnitude": 0.3, "prob": 1.0}
            for name in ("Brightness", "ColorTransform", "Contrast", "Sharpness")
        ),
        {"type": "mmpretrain.ColorJitter", "brightness": 0.3},
        {"type": "mmpretrain.Cutout", "shape": 8, "prob": 1.0},
        {"type": "mmpretrain.GaussianBlur", "magnitude_range": (0.1, 2.0), "prob": 1.0},
        {
            "type": "mmpretrain.Lighting",
            "eigval": [1.0, 1.0, 1.0],
            "eigvec": [[1.0] * 3] * 3,
        },
        {"type": "mmpretrain.Posterize", "bits": 4, "prob": 1.0},
        {"type": "mmpretrain.RandomErasing", "erase_prob": 1.0},
        {"type": "mmpretrain.Solarize", "thr": 128, "prob": 1.0},
        {"type": "mmpretrain.SolarizeAdd", "magnitude": 30, "prob": 1.0},
    ],
}
COLOUR_STEPS = [step for steps in COLOURS.values() for step in steps]


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope("mmris"):
        yield


def scenes(*pipeline, test_mode=False):
    return ShapesRefDataset(
        split="val" if test_mode else "train",
        num_images=2,
        image_size=(96, 96),
        pipeline=pipeline,
        test_mode=test_mode,
    )


@pytest.mark.parametrize(
    ("step", "remedy"),
    [
        ({"type": "RandomFlip", "prob": 0.5}, "mmcv.RandomFlip .* Use RefRandomFlip"),
        ({"type": "mmseg.RandomFlip", "prob": 0.5}, "Use RefRandomFlip"),
        (
            {"type": "mmseg.RandomRotate", "prob": 0.5, "degree": 20},
            "mmseg.RandomRotate",
        ),
        ({"type": "mmseg.RandomCrop", "crop_size": (32, 32)}, "mmseg.RandomCrop"),
        ({"type": "CenterCrop", "crop_size": 32}, "mmcv.CenterCrop"),
        ({"type": "Pad", "size": (128, 128)}, "Use RefResize with keep_ratio=True"),
        ({"type": "Resize", "scale": (64, 48)}, "Use RefResize, or"),
        ({"type": "mmpretrain.RandomResizedCrop", "scale": 32}, "RandomResizedCrop"),
        ({"type": "mmpretrain.Rotate", "angle": 20.0}, "mmpretrain.Rotate"),
        ({"type": "mmpretrain.RandomTranslatePad", "size": 128}, "RandomTranslatePad"),
        ({"type": "LoadImageFromFile"}, "Use LoadRefImage"),
        ({"type": "LoadAnnotations"}, "Use LoadRefMasks"),
        ({"type": "mmseg.PackSegInputs"}, "Use PackRefInputs"),
        (
            {"type": "Normalize", "mean": [0.0] * 3, "std": [1.0] * 3},
            "Use mean and std of model.data_preprocessor",
        ),
        (
            {
                "type": "RandomApply",
                "transforms": [
                    {"type": "mmseg.RandomRotate", "prob": 1.0, "degree": 9}
                ],
            },
            "mmseg.RandomRotate",
        ),
        (
            {
                "type": "RandomChoice",
                "transforms": [[FLIP], [{"type": "RandomFlip", "prob": 0.5}]],
            },
            "mmcv.RandomFlip",
        ),
    ],
)
def test_what_moves_pixels_alone_is_refused(step, remedy):
    with pytest.raises(ValueError, match=remedy):
        scenes(LOAD, MASKS, step, RESIZE, PACK)


def test_every_colour_transform_is_tried():
    # Under a name of its own in each library; one of a name is enough.
    tried = {step["type"].split(".")[-1] for step in COLOUR_STEPS}
    assert tried == COLOUR_TRANSFORMS


@pytest.mark.parametrize("step", COLOUR_STEPS, ids=lambda step: step["type"])
def test_colour_transforms_leave_every_pixel_in_its_place(step):
    # Dark on the left, bright on the right, in noise: still so, seen as columns.
    noise = np.random.default_rng(0).integers(0, 60, (96, 96, 3))
    ramp = np.linspace(20, 180, 96)[None, :, None]
    image = (noise + ramp).astype(np.uint8)
    transform = TRANSFORMS.build(step)
    np.random.seed(0)
    result = transform({"img": image.copy(), "img_shape": (96, 96)})["img"]
    assert result.shape == image.shape
    assert result.dtype == np.uint8
    if "Cut" in step["type"] or "Erasing" in step["type"]:
        kept = (result == image).all(-1)
        assert 0.3 < kept.mean() < 1
        return
    seen = [picture.astype(float).mean(-1) for picture in (image, result)]
    corner = [
        np.corrcoef(seen[0].ravel(), turned(seen[1]).ravel())[0, 1]
        for turned in (np.array, np.fliplr, np.flipud, np.transpose)
    ]
    # What inverts turns the sign; any moving loses the noise.
    assert abs(corner[0]) == max(abs(value) for value in corner)


@pytest.mark.parametrize("step", COLOUR_STEPS, ids=lambda step: step["type"])
def test_colour_transforms_go_through_a_whole_pipeline(step):
    item = scenes(LOAD, MASKS, RESIZE, FLIP, step, PACK)[0]
    assert item["inputs"].dtype == torch.uint8
    assert item["inputs"].shape == (3, 48, 64)


def test_a_mirrored_picture_is_not_scored():
    scenes(LOAD, MASKS, RESIZE, FLIP, PACK)
    with pytest.raises(ValueError, match="RefRandomFlip is for training"):
        scenes(LOAD, RESIZE, FLIP, MASKS, PACK, test_mode=True)


def test_a_picture_is_resized_once():
    with pytest.raises(ValueError, match="RefResize comes twice"):
        scenes(LOAD, MASKS, RESIZE, {**RESIZE, "keep_ratio": True}, PACK)
    often = {"type": "RandomApply", "transforms": [RESIZE], "prob": 0.5}
    with pytest.raises(ValueError, match="RefResize comes twice"):
        scenes(LOAD, MASKS, often, RESIZE, PACK)
    one_of = {
        "type": "RandomChoice",
        "transforms": [[RESIZE], [{**RESIZE, "keep_ratio": True}]],
    }
    item = scenes(LOAD, MASKS, one_of, PACK)[0]
    assert item["inputs"].shape == (3, 48, 64)
    with pytest.raises(ValueError, match="RefResize comes twice"):
        scenes(LOAD, MASKS, one_of, RESIZE, PACK)


def test_masks_of_training_are_loaded_before_the_picture_is_resized():
    scenes(LOAD, RESIZE, MASKS, PACK, test_mode=True)
    with pytest.raises(ValueError, match="Put it before RefResize"):
        scenes(LOAD, RESIZE, MASKS, PACK)


def test_own_transforms_are_taken_as_they_are():
    class TurnRound(BaseTransform):
        def transform(self, results):
            for key, axes in (("img", (0, 1)), ("gt_masks", (1, 2))):
                results[key] = np.ascontiguousarray(np.rot90(results[key], 2, axes))
            return results

    plain = scenes(LOAD, MASKS, PACK)[0]
    turned = scenes(LOAD, MASKS, TurnRound(), PACK)[0]
    torch.testing.assert_close(turned["inputs"], plain["inputs"].flip(1, 2))


def test_the_pipeline_of_prediction_is_held_to_the_same():
    for step in (FLIP, {"type": "mmseg.RandomRotate", "prob": 1.0, "degree": 9}):
        with pytest.raises(ValueError, match="pipeline: "):
            inference_pipeline(Config({"test_pipeline": [LOAD, RESIZE, step, PACK]}))
