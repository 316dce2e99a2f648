"""The predicted masks of a picture, as an entry of a file gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .mask_runs import MaskRuns
from .network_frame import NetworkFrame
from .soft_scores import read_soft_scores

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

# No network has an input with a longer side; memory goes with its square.
_LONGEST_SIDE = 16_384


@dataclass(frozen=True)
class PredictedImage:
    """The stored masks of some sentences of a picture.

    Attributes:
        sent_ids: K numbers.
        masks: K masks at the original size.
        soft_file: The PNG file of their maps, None without soft scores.
        logit_step: Between two values of its pixels.
        frame: Where the picture lies in the network's input, None without soft scores.
    """

    sent_ids: tuple[int, ...]
    masks: tuple[MaskRuns, ...]
    soft_file: Path | None = None
    logit_step: float = 1.0
    frame: NetworkFrame | None = None

    def logits(self) -> Tensor | None:
        """Read the maps ``(K, h, w)``, None without soft scores."""
        if self.soft_file is None:
            return None
        return read_soft_scores(self.soft_file, len(self.sent_ids), self.logit_step)


def read_image_entry(
    entry: dict[str, Any], where: str, folder: Path | None
) -> PredictedImage:
    """Read an entry that mmris wrote: all sentences of a picture.

    Args:
        entry: The entry, with ``sent_ids``, ``size`` and ``counts``.
        where: Its place, for messages.
        folder: Of the soft scores, None without.

    Raises:
        ValueError: It is malformed; the message names the field.
    """
    sent_ids = [
        _check_number(value, "sent_ids", where)
        for value in _field(entry, "sent_ids", list, where)
    ]
    counts = _field(entry, "counts", list, where)
    size = _numbers(entry, "size", 2, where)
    if len(counts) != len(sent_ids) or not sent_ids:
        raise ValueError(
            f"{where}: {len(counts)} masks for {len(sent_ids)} sentences; give one "
            "mask a sentence"
        )
    soft_file = frame = None
    step = 1.0
    if folder is not None:
        image_id = _check_number(entry.get("image_id"), "image_id", where)
        soft_file = folder / f"{image_id}.png"
        frame = _frame(entry, where)
        step = _step(entry, where)
    masks = tuple(
        _runs(text, size, f"{where}, sent_id {number}")
        for number, text in zip(sent_ids, counts, strict=True)
    )
    return PredictedImage(tuple(sent_ids), masks, soft_file, step, frame)


def read_sentence_entry(entry: dict[str, Any], where: str) -> PredictedImage:
    """Read an entry of another program: a sentence, as one of COCO's results.

    Args:
        entry: The entry, with ``sent_id`` and ``segmentation``.
        where: Its place, for messages.

    Raises:
        ValueError: It is malformed; the message names the field.
    """
    if "sent_id" not in entry:
        named = [name for name in ("image_id", "ref_id", "ann_id") if name in entry]
        hint = (
            f"{named[0]!r} does not say which of several sentences the mask is of"
            if named
            else "it says which sentence the mask is of"
        )
        raise ValueError(
            f"{where} has no 'sent_id'; {hint}. Write the number that the annotations "
            "give the sentence"
        )
    sent_id = _check_number(entry["sent_id"], "sent_id", where)
    mask = entry.get("segmentation")
    if not isinstance(mask, dict):
        raise ValueError(
            f"{where}: 'segmentation' is {mask!r:.60}; expected run lengths, "
            '{"size": [height, width], "counts": ...}, as pycocotools encodes masks'
        )
    size = _numbers(mask, "size", 2, f"{where}, segmentation")
    return PredictedImage((sent_id,), (_runs(mask.get("counts"), size, where),))


def _frame(entry: dict[str, Any], where: str) -> NetworkFrame:
    height, width = _numbers(entry, "input_size", 2, where)
    top, left, rows, columns = _numbers(entry, "content_box", 4, where)
    fits = (
        0 < height <= _LONGEST_SIDE
        and 0 < width <= _LONGEST_SIDE
        and 0 <= top < top + rows <= height
        and 0 <= left < left + columns <= width
    )
    if not fits:
        raise ValueError(
            f"{where}: the picture in the network's input is 'content_box' "
            f"{[top, left, rows, columns]!r:.60}, which does not lie within "
            f"'input_size' {[height, width]!r:.60}. Write the predictions again"
        )
    return NetworkFrame((height, width), (top, left, rows, columns))


def _step(entry: dict[str, Any], where: str) -> float:
    step: Any = entry.get("logit_step")
    # Not True, which is an int.
    if type(step) not in (int, float) or not math.isfinite(step) or step <= 0:
        raise ValueError(
            f"{where}: 'logit_step' is {step!r:.60}; expected a number above 0. Write "
            "the predictions again"
        )
    return float(step)


def _runs(counts: Any, size: list[int], where: str) -> MaskRuns:
    if not isinstance(counts, (str, list)):
        raise ValueError(
            f"{where}: counts are {counts!r:.60}; expected COCO's run lengths, "
            "compressed or a list"
        )
    try:
        return MaskRuns.from_counts(counts, size)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _check_number(value: Any, name: str, where: str) -> int:
    """A number, and not the text of one: 7 and "7" would be two sentences."""
    if type(value) is not int:
        raise ValueError(
            f"{where}: {value!r:.60} in {name!r} is no number of a sentence or "
            "picture; they are ints, as in the annotations"
        )
    return value


def _field(entry: dict[str, Any], name: str, kind: type, where: str) -> Any:
    value = entry.get(name)
    if not isinstance(value, kind):
        raise ValueError(
            f"{where}: {name!r} is {value!r:.60}; expected a {kind.__name__}. See "
            "docs/en/evaluation.md for the format"
        )
    return value


def _numbers(entry: dict[str, Any], name: str, count: int, where: str) -> list[int]:
    values: list[int] = _field(entry, name, list, where)
    if len(values) != count or any(type(value) is not int for value in values):
        raise ValueError(f"{where}: {name!r} is {values!r:.60}; expected {count} ints")
    return values
