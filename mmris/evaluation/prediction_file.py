"""Predictions as a file: who made them, and the masks of each image.

A ``.jsonl`` file of one JSON object a line. The first says what it is::

    {"format": "mmris-predictions", "version": 1, "config": ..., "checkpoint": ...,
     "checkpoint_sha256": ..., "dataset": {...}, "split": ..., "threshold": ...,
     "soft_scores": "predictions.scores"}

and each other is an image, with COCO's compressed run lengths of the masks at the
original size::

    {"image_id": 7, "size": [480, 640], "sent_ids": [21, 22],
     "expressions": ["left cup", "the cup"], "counts": ["...", "..."],
     "input_size": [320, 320], "content_box": [40, 0, 240, 320], "logit_step": 0.0006}

The last three belong to soft scores (:mod:`mmris.evaluation.soft_scores`), which stand
in the folder that the header names, in ``<image_id>.png``. Predictions of other
programs may come as COCO's results do: a ``.json`` list, or a ``.jsonl`` file, of
``{"sent_id": 21, "segmentation": {"size": [480, 640], "counts": ...}}``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmris.datasets.json_entries import read_json_entries

from .mask_runs import MaskRuns
from .network_frame import NetworkFrame
from .soft_scores import read_soft_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

FORMAT = "mmris-predictions"
VERSION = 1
# What a run that was stopped leaves: FILE.rank0.part, FILE.rank1.part, ...
PART = ".part"


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


@dataclass(frozen=True)
class Predictions:
    """All that a file holds.

    Attributes:
        path: The file.
        header: Its first line, empty for files of other programs.
        images: In the order of the file.
        place: Image and row of each sentence, by its number.
    """

    path: Path
    header: dict[str, Any] = field(default_factory=dict)
    images: list[PredictedImage] = field(default_factory=list)
    place: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def has_soft_scores(self) -> bool:
        """Whether the network's maps were stored with the masks."""
        return bool(self.images) and all(image.soft_file for image in self.images)

    def add(self, image: PredictedImage, where: str) -> None:
        """Add an image.

        Args:
            image: Its masks.
            where: Its place in the file, for messages.

        Raises:
            ValueError: A sentence is there already.
        """
        for row, sent_id in enumerate(image.sent_ids):
            if sent_id in self.place:
                raise ValueError(
                    f"{where}: sent_id {sent_id} has a mask already; give one mask a "
                    "sentence"
                )
            self.place[sent_id] = len(self.images), row
        self.images.append(image)


def read_predictions(path: str | Path) -> Predictions:
    """Read a file of predictions, ours or of another program.

    The part files of a run that was stopped are read as well, without their last line
    if it was cut off.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It is malformed; the message names the line and the field.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no file of predictions {str(path)!r}; tools/test.py --out FILE writes one"
        )
    entries = _part_lines(path) if path.suffix == PART else read_json_entries(path)
    result = Predictions(path)
    folder: Path | None = None
    for number, (where, entry) in enumerate(entries):
        if not isinstance(entry, dict):
            raise ValueError(f"{where} is {entry!r:.60}; expected an object of JSON")
        if number == 0 and "format" in entry:
            result.header.update(_checked_header(entry, where))
            name = entry.get("soft_scores")
            folder = path.parent / name if name else None
        elif "sent_ids" in entry:
            result.add(_image(entry, where, folder), where)
        else:
            result.add(_result(entry, where), where)
    if not result.images:
        raise ValueError(f"{path} has no predictions: the run that wrote it had no end")
    return result


def image_line(
    *,
    image_id: int,
    size: tuple[int, int],
    sent_ids: Iterable[int],
    expressions: Iterable[str],
    counts: Iterable[str],
    frame: NetworkFrame | None,
    logit_step: float | None,
) -> str:
    """A line of the file.

    Args:
        image_id: Number of the picture.
        size: Its height and width.
        sent_ids: Numbers of its K sentences.
        expressions: The sentences.
        counts: Compressed run lengths of the K masks.
        frame: Where the picture lies in the network's input, None without soft scores.
        logit_step: Of the soft scores, None without.
    """
    entry: dict[str, Any] = {
        "image_id": image_id,
        "size": list(size),
        "sent_ids": list(sent_ids),
        "expressions": list(expressions),
        "counts": list(counts),
    }
    if frame is not None:
        entry["input_size"] = list(frame.input_size)
        entry["content_box"] = list(frame.content_box)
        entry["logit_step"] = logit_step
    return json.dumps(entry) + "\n"


def header_line(facts: dict[str, Any]) -> str:
    """The first line of the file.

    Args:
        facts: What else is known of the run.
    """
    header = {"format": FORMAT, "version": VERSION, **facts}
    return json.dumps(header, default=str) + "\n"


def _part_lines(path: Path) -> Iterator[tuple[str, Any]]:
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if line.endswith(b"\n"):
            yield f"{path}, line {number}", json.loads(line)


def _checked_header(header: dict[str, Any], where: str) -> dict[str, Any]:
    if header["format"] != FORMAT or header.get("version") != VERSION:
        raise ValueError(
            f"{where}: format {header['format']!r:.60} of version "
            f"{header.get('version')!r:.20}; this program reads {FORMAT!r} of version "
            f"{VERSION}. Write the predictions again, or update mmris"
        )
    return header


def _image(entry: dict[str, Any], where: str, folder: Path | None) -> PredictedImage:
    sent_ids = _field(entry, "sent_ids", list, where)
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
        soft_file = folder / f"{entry.get('image_id')}.png"
        height, width = _numbers(entry, "input_size", 2, where)
        top, left, *extent = _numbers(entry, "content_box", 4, where)
        frame = NetworkFrame((height, width), (top, left, extent[0], extent[1]))
        step = _field(entry, "logit_step", float, where)
    masks = tuple(
        _runs(text, size, f"{where}, sent_id {number}")
        for number, text in zip(sent_ids, counts, strict=True)
    )
    return PredictedImage(tuple(sent_ids), masks, soft_file, step, frame)


def _result(entry: dict[str, Any], where: str) -> PredictedImage:
    sent_id = _field(entry, "sent_id", int, where)
    mask = _field(entry, "segmentation", dict, where)
    size = _numbers(mask, "size", 2, f"{where}, segmentation")
    return PredictedImage((sent_id,), (_runs(mask.get("counts"), size, where),))


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
