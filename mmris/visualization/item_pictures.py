"""Draws what a model is fed: an item of a dataset after all transforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmris.datasets.transforms import read_image

from .legend import draw_legend
from .overlays import draw_mask, draw_numbers, fit
from .palette import line_style

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALPHA = 0.45
_MIN_SIDE, _MAX_SIDE = 256, 640
_GAP = 6


@dataclass(frozen=True)
class ItemSentence:
    """A sentence of an item as the model gets it.

    Attributes:
        text: The sentence, mirrored with the picture where that was.
        kind: Its group, ``""`` for none.
        ref_id: Number of its reference.
        ann_ids: Numbers of its annotations, none for a sentence about nothing.
        pixels: Pixels of its mask.
        size: Height and width of its mask.
    """

    text: str
    kind: str
    ref_id: int
    ann_ids: tuple[int, ...]
    pixels: int
    size: tuple[int, int]

    @property
    def vanished(self) -> bool:
        """Whether it names something of which no pixel is left."""
        return bool(self.ann_ids) and not self.pixels


@dataclass(frozen=True)
class DrawnItem:
    """An item and its picture.

    Attributes:
        index: Its number in the dataset.
        meta: What the item says of its picture: ``image_id``, ``img_path``, ...
        size: Height and width of the network's input.
        sentences: Its sentences.
        panels: ``(H, W, 3)`` uint8 RGB, the input and the masks side by side.
        legend: ``(H', W, 3)`` uint8 RGB, what colour each sentence has.
        masks_at: ``"the network's input"`` or ``"the original picture"``.
    """

    index: int
    meta: Mapping[str, Any]
    size: tuple[int, int]
    sentences: tuple[ItemSentence, ...]
    panels: np.ndarray
    legend: np.ndarray
    masks_at: str

    @property
    def picture(self) -> np.ndarray:
        """Panels and legend, ``(H'', W, 3)`` uint8 RGB."""
        return np.vstack([self.panels, self.legend])


def draw_item(index: int, item: Mapping[str, Any]) -> DrawnItem:
    """Draw an item.

    On the left the network's input, padding included, without normalisation; on the
    right the masks, on the input where they have its size, as in training, and on the
    original picture otherwise, as in testing.

    Args:
        index: Its number in the dataset.
        item: ``inputs`` and ``data_samples`` of :class:`PackRefInputs`.

    Raises:
        ValueError: The item is packed otherwise, or has no masks.
    """
    if not isinstance(item, dict) or not {"inputs", "data_samples"} <= item.keys():
        raise ValueError(
            f"item {index} has no 'inputs' and 'data_samples'; end the pipeline of the "
            "dataset with PackRefInputs"
        )
    sample = item["data_samples"]
    if "gt_sem_seg" not in sample:
        raise ValueError(
            f"item {index} has no masks; put LoadRefMasks into the pipeline"
        )
    pixels = np.ascontiguousarray(item["inputs"].numpy()[::-1].transpose(1, 2, 0))
    masks = sample.gt_sem_seg.data.numpy()
    fits = masks.shape[1:] == pixels.shape[:2]
    canvas = pixels if fits else _original(sample, pixels, masks.shape[1:])
    left = fit(pixels, min_side=_MIN_SIDE, max_side=_MAX_SIDE)
    right = fit(canvas, min_side=_MIN_SIDE, max_side=_MAX_SIDE)
    inside = [fit(mask, min_side=_MIN_SIDE, max_side=_MAX_SIDE) for mask in masks]
    styles = [line_style(number) for number in range(len(masks))]
    for mask, style in zip(inside, styles, strict=True):
        right = draw_mask(right, mask, style, alpha=_ALPHA)
    font = min(max(12, max(right.shape[:2]) // 30), 22)
    if len(masks) > 1:
        right = draw_numbers(right, inside, styles, size=font)
    panels = _side_by_side(left, right)
    sentences = _sentences(sample, masks)
    legend = draw_legend(
        [_words(sentence) for sentence in sentences],
        styles,
        width=panels.shape[1],
        size=font,
        alpha=_ALPHA,
        numbered=len(masks) > 1,
    )
    return DrawnItem(
        index=index,
        meta=dict(sample.metainfo),
        size=pixels.shape[:2],
        sentences=sentences,
        panels=panels,
        legend=legend,
        masks_at="the network's input" if fits else "the original picture",
    )


def _original(sample: Any, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture at the size of its masks: the file, or the content of the input."""
    path = sample.get("img_path", "")
    try:
        picture = np.ascontiguousarray(read_image(path, apply_exif=False)[..., ::-1])
    except FileNotFoundError:
        # Generated scenes have no file.
        top, left, height, width = sample.get("content_box", (0, 0, *pixels.shape[:2]))
        content = pixels[top : top + height, left : left + width]
        rows = np.arange(size[0]) * height // size[0]
        columns = np.arange(size[1]) * width // size[1]
        picture = np.ascontiguousarray(content[rows][:, columns])
    if picture.shape[:2] != size:
        raise ValueError(
            f"{path} has the size (height, width) {picture.shape[:2]}, and its masks "
            f"have {size}. Correct the order of the transforms"
        )
    return picture


def _side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    height = max(len(left), len(right))
    gap = np.full((height, _GAP, 3), 255, dtype=np.uint8)

    def padded(picture: np.ndarray) -> np.ndarray:
        missing = height - len(picture)
        return np.pad(picture, ((0, missing), (0, 0), (0, 0)), constant_values=255)

    return np.hstack([padded(left), gap, padded(right)])


def _sentences(sample: Any, masks: np.ndarray) -> tuple[ItemSentence, ...]:
    count = len(sample.expressions)
    kinds = sample.get("kinds") or [""] * count
    return tuple(
        ItemSentence(
            text=text,
            kind=kind,
            ref_id=ref_id,
            ann_ids=tuple(ann_ids),
            pixels=int((mask != 0).sum()),
            size=(int(mask.shape[0]), int(mask.shape[1])),
        )
        for text, kind, ref_id, ann_ids, mask in zip(
            sample.expressions,
            kinds,
            sample.ref_ids,
            sample.ann_ids,
            masks,
            strict=True,
        )
    )


def _words(sentence: ItemSentence) -> str:
    note = ""
    if sentence.vanished:
        note = " \N{MIDDLE DOT} no pixel is left"
    elif not sentence.pixels:
        note = " \N{MIDDLE DOT} nothing in the picture"
    kind = f" [{sentence.kind}]" if sentence.kind else ""
    quoted = f"\N{LEFT DOUBLE QUOTATION MARK}{sentence.text}"
    return f"{quoted}\N{RIGHT DOUBLE QUOTATION MARK}{kind}{note}"
