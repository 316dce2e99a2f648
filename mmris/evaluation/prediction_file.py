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
``{"sent_id": 21, "segmentation": {"size": [480, 640], "counts": ...}}``; or as a folder
of masks, ``<sent_id>.png``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmris.datasets.json_entries import read_json_entries

from .mask_folder import read_mask_folder
from .predicted_image import read_image_entry, read_sentence_entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .network_frame import NetworkFrame
    from .predicted_image import PredictedImage

FORMAT = "mmris-predictions"
VERSION = 1
# What a run that was stopped leaves: FILE.rank0.part, FILE.rank1.part, ...
PART = ".part"
_ENTRY = "for each sentence, with 'sent_id' and 'segmentation'"


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
    """Read predictions, ours or of another program.

    The part files of a run that was stopped are read as well, without their last line
    if it was cut off.

    Args:
        path: The file, or a folder of masks.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It is malformed; the message names the line and the field.
    """
    path = Path(path)
    result = Predictions(path)
    if path.is_dir():
        for where, image in read_mask_folder(path):
            result.add(image, where)
        return result
    if not path.is_file():
        raise FileNotFoundError(
            f"no file of predictions {str(path)!r}; tools/test.py --out FILE writes one"
        )
    entries = read_json_entries(path, entry=_ENTRY, cut_off=path.suffix == PART)
    folder: Path | None = None
    for number, (where, entry) in enumerate(entries):
        if not isinstance(entry, dict):
            raise ValueError(f"{where} is {entry!r:.60}; expected an object of JSON")
        if number == 0 and "format" in entry:
            result.header.update(_checked_header(entry, where))
            folder = _soft_folder(result.header, path, where)
        elif "sent_ids" in entry:
            result.add(read_image_entry(entry, where, folder), where)
        else:
            result.add(read_sentence_entry(entry, where), where)
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


def _checked_header(header: dict[str, Any], where: str) -> dict[str, Any]:
    if header["format"] != FORMAT or header.get("version") != VERSION:
        raise ValueError(
            f"{where}: format {header['format']!r:.60} of version "
            f"{header.get('version')!r:.20}; this program reads {FORMAT!r} of version "
            f"{VERSION}. Write the predictions again, or update mmris"
        )
    return header


def _soft_folder(header: dict[str, Any], path: Path, where: str) -> Path | None:
    name = header.get("soft_scores")
    if name is None:
        return None
    # Not somewhere else: the file may be a stranger's.
    if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
        raise ValueError(
            f"{where}: 'soft_scores' is {name!r:.60}; expected the name of a folder "
            "beside this file, or null"
        )
    return path.parent / name
