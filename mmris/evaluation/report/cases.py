"""Single sentences of a report: which are shown, and how they are drawn."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from mmris.datasets.transforms import read_image
from mmris.evaluation.ground_truth import read_ground_truth
from mmris.evaluation.scored_image import decode_runs
from mmris.visualization.overlays import draw_mask, fit
from mmris.visualization.palette import PREDICTION_COLOR, TRUTH_COLOR, LineStyle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.datasets import BaseRefDataset
    from mmris.evaluation.ground_truth import TrueImage, TrueSentence
    from mmris.evaluation.prediction_file import Predictions
    from mmris.evaluation.rescoring import ScoreTable
    from mmris.visualization.palette import Color

_SIDE = 320


@dataclass(frozen=True)
class Case:
    """A sentence to show.

    Attributes:
        sent_id: Its number.
        ious: I / U of each run.
    """

    sent_id: int
    ious: tuple[float, ...]


def choose_cases(
    table: ScoreTable, count: int, *, seed: int = 0
) -> dict[str, list[Case]]:
    """The best, the worst and some sentences at random.

    Among equals, as the many with 0, chance decides.

    Args:
        table: Sentences of a run.
        count: How many of each at most.
        seed: Of the random numbers.

    Returns:
        ``best``, ``worst`` and ``random``.
    """
    iou = table.iou
    shuffled = np.random.default_rng(seed).permutation(len(iou))
    ranked = shuffled[np.argsort(iou[shuffled], kind="stable")]
    chosen = {
        "best": ranked[::-1][:count],
        "worst": ranked[:count],
        "random": shuffled[:count],
    }
    return {
        name: [Case(table.sent_ids[row], (float(iou[row]),)) for row in rows]
        for name, rows in chosen.items()
    }


def choose_changes(
    first: ScoreTable, second: ScoreTable, count: int
) -> dict[str, list[Case]]:
    """The sentences whose I / U rose and fell most from one run to another.

    Args:
        first: Sentences of one run.
        second: The same of the other.
        count: How many of each at most.

    Returns:
        ``gained`` and ``lost``, without sentences that did not change.
    """
    before = dict(zip(first.sent_ids, first.iou.tolist(), strict=True))
    after = dict(zip(second.sent_ids, second.iou.tolist(), strict=True))
    ranked = sorted(before, key=lambda number: (after[number] - before[number], number))
    changed = [number for number in ranked if after[number] != before[number]]

    def cases(numbers: Sequence[int]) -> list[Case]:
        return [Case(number, (before[number], after[number])) for number in numbers]

    gained = [number for number in changed[::-1] if after[number] > before[number]]
    lost = [number for number in changed if after[number] < before[number]]
    return {"gained": cases(gained[:count]), "lost": cases(lost[:count])}


@dataclass(frozen=True)
class Panel:
    """A small picture.

    Attributes:
        address: Its content as a ``data:`` address.
        width: In pixels.
        height: In pixels.
    """

    address: str
    width: int
    height: int


@dataclass(frozen=True)
class DrawnCase:
    """A sentence with its pictures.

    Attributes:
        text: The sentence.
        targeted: Whether it names anything.
        image_id: Number of its picture.
        picture: The picture alone.
        predicted: What each run predicted.
        truth: The true mask.
    """

    text: str
    targeted: bool
    image_id: int
    picture: Panel
    predicted: tuple[Panel, ...]
    truth: Panel


@dataclass
class Drawing:
    """The sentences of a report.

    Attributes:
        cases: By number of the sentence.
        missing: Files of pictures that are not there.
    """

    cases: dict[int, DrawnCase] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def draw_cases(
    dataset: BaseRefDataset,
    runs: Sequence[Predictions],
    sent_ids: set[int],
) -> Drawing:
    """Draw what was predicted and what is true.

    Args:
        dataset: The annotations, with pictures if they are there: masks are on grey
            where there are none.
        runs: Predictions of one run or two.
        sent_ids: The sentences.

    Raises:
        ValueError: A picture has another size than the annotations say.
    """
    drawing = Drawing()
    for image in read_ground_truth(dataset):
        wanted = [entry for entry in image.sentences if entry.sent_id in sent_ids]
        if not wanted:
            continue
        picture = _picture(dataset, image, drawing.missing)
        for entry in wanted:
            drawing.cases[entry.sent_id] = _draw(picture, image.image_id, entry, runs)
    return drawing


def _picture(
    dataset: BaseRefDataset, image: TrueImage, missing: list[str]
) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB; grey where there is no file."""
    record = dataset.record(image.index)
    pixels = dataset.load_image(record)
    path = record["img_path"]
    if pixels is None and Path(path).is_file():
        pixels = read_image(path, apply_exif=False)
    if pixels is None:
        missing.append(str(path))
        return np.full((*image.size, 3), 160, dtype=np.uint8)
    if pixels.shape[:2] != image.size:
        raise ValueError(
            f"{path} has the size (height, width) {pixels.shape[:2]}, and the "
            f"annotations say {image.size}. It is another picture, or was resized"
        )
    return np.ascontiguousarray(pixels[..., ::-1])


def _draw(
    picture: np.ndarray,
    image_id: int,
    sentence: TrueSentence,
    runs: Sequence[Predictions],
) -> DrawnCase:
    small = fit(picture, min_side=_SIDE, max_side=_SIDE)
    predicted = []
    for run in runs:
        where, row = run.place[sentence.sent_id]
        mask = decode_runs(run.images[where].masks[row : row + 1])[0].numpy()
        predicted.append(_with_mask(small, mask, PREDICTION_COLOR))
    truth = coco_mask.decode(sentence.encoding).astype(bool)
    return DrawnCase(
        text=sentence.facts.text,
        targeted=sentence.facts.area > 0,
        image_id=image_id,
        picture=_panel(small),
        predicted=tuple(predicted),
        truth=_with_mask(small, truth, TRUTH_COLOR),
    )


def _with_mask(picture: np.ndarray, mask: np.ndarray, color: Color) -> Panel:
    inside = fit(mask.astype(np.uint8), min_side=_SIDE, max_side=_SIDE)
    return _panel(draw_mask(picture, inside, LineStyle(color), alpha=0.4))


def _panel(picture: np.ndarray) -> Panel:
    pixels = np.ascontiguousarray(picture[..., ::-1])
    _, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])
    code = base64.b64encode(content.tobytes()).decode()
    height, width = picture.shape[:2]
    return Panel(f"data:image/jpeg;base64,{code}", width, height)
