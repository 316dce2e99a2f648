"""Refuses pipelines that would move a picture away from its masks or its words.

Transforms of mmcv, mmseg and mmpretrain turn, cut and mirror pictures together with the
annotations of their own library. Of masks of expressions and of "left" in a sentence
they know nothing: training goes on with wrong answers, and nothing shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mmengine.dataset
from mmcv.transforms import Compose, RandomApply, RandomChoice

from .transforms import LoadRefMasks, RefRandomFlip, RefResize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_LIBRARIES = ("mmcv", "mmengine", "mmseg", "mmpretrain", "torchvision")
# Of other libraries, those that leave every pixel and every mask where it is.
COLOUR_TRANSFORMS = frozenset(
    {
        "AdjustGamma",
        "AutoContrast",
        "Brightness",
        "CLAHE",
        "ColorJitter",
        "ColorTransform",
        "Contrast",
        "Cutout",
        "Equalize",
        "GaussianBlur",
        "Invert",
        "Lighting",
        "PhotoMetricDistortion",
        "Posterize",
        "RandomCutOut",
        "RandomErasing",
        "RandomGrayscale",
        "Sharpness",
        "Solarize",
        "SolarizeAdd",
    }
)
# What does the same here, masks and words included.
_OWN = {
    "LoadAnnotations": "LoadRefMasks",
    "LoadImageFromFile": "LoadRefImage",
    "Normalize": "mean and std of model.data_preprocessor",
    "PackInputs": "PackRefInputs",
    "PackSegInputs": "PackRefInputs",
    "Pad": "RefResize with keep_ratio=True",
    "RandomFlip": "RefRandomFlip",
    "RandomResize": "RefResize",
    "Resize": "RefResize",
    "ResizeEdge": "RefResize",
    "ResizeShortestEdge": "RefResize with keep_ratio=True",
}
# MMEngine's Compose is what a dataset has its pipeline in.
_WRAPPERS = (Compose, mmengine.dataset.Compose, RandomApply, RandomChoice)


def check_pipeline(transforms: Iterable[Any], *, test_mode: bool) -> None:
    """Refuse a pipeline after which pictures, masks and words do not belong together.

    Transforms of your own are taken as they are.

    Args:
        transforms: Built transforms, in their order.
        test_mode: Whether items are for scoring or prediction.

    Raises:
        ValueError: A transform of another library moves pixels or packs something else,
            a picture is resized twice, a mirrored one is scored, or masks of training
            are loaded at the original size after the picture was resized.
    """
    steps = list(transforms)
    for transform in _flat(steps):
        name = type(transform).__name__
        library = type(transform).__module__.split(".")[0]
        if library in _LIBRARIES and name not in COLOUR_TRANSFORMS:
            raise ValueError(_refusal(f"{library}.{name}", _OWN.get(name)))
        if isinstance(transform, RefRandomFlip) and test_mode:
            raise ValueError(
                "pipeline: RefRandomFlip is for training; in testing, masks of the "
                "mirrored picture would be taken for those of the picture. Take it out"
            )
    if _most_resizes(steps) > 1:
        raise ValueError(
            "pipeline: RefResize comes twice for one picture, but masks are taken back "
            "to the original size through one. Leave the other out"
        )
    if not test_mode:
        _check_order_in_training(steps)


def _check_order_in_training(steps: Sequence[Any]) -> None:
    resized = False
    for transform in _flat(steps):
        resized = resized or isinstance(transform, RefResize)
        if isinstance(transform, LoadRefMasks) and resized:
            raise ValueError(
                "pipeline: LoadRefMasks comes after RefResize, so that the masks of "
                "training keep their original size. Put it before RefResize"
            )


def _flat(transforms: Iterable[Any]) -> Iterator[Any]:
    """Each transform, with those that are chosen from or applied at random."""
    for transform in transforms:
        if isinstance(transform, _WRAPPERS):
            yield from _flat(transform.transforms)
        else:
            yield transform


def _most_resizes(transforms: Iterable[Any]) -> int:
    """How often one item is resized at most."""
    count = 0
    for transform in transforms:
        if isinstance(transform, RandomChoice):
            count += max(_most_resizes([branch]) for branch in transform.transforms)
        elif isinstance(transform, _WRAPPERS):
            count += _most_resizes(transform.transforms)
        else:
            count += isinstance(transform, RefResize)
    return count


def _refusal(name: str, own: str | None) -> str:
    remedy = f"Use {own}" if own else "Leave it out"
    return (
        f"pipeline: {name} knows nothing of the masks and sentences of expressions, "
        f"which would stay as they are. {remedy}, or write a transform that changes "
        "all of them; those that change colours only are fine: "
        f"{', '.join(sorted(COLOUR_TRANSFORMS))}"
    )
