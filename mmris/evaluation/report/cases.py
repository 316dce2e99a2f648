"""Single sentences of a report: which are shown, and how they are drawn."""

from __future__ import annotations

import base64
from dataclasses import dataclass
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
    from collections.abc import Mapping, Sequence

    from mmris.datasets import BaseRefDataset
    from mmris.evaluation.ground_truth import TrueImage, TrueSentence
    from mmris.evaluation.prediction_file import Predictions
    from mmris.evaluation.rescoring import ScoreTable

_SIDE = 240
_GAP = 6


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


def draw_cases(
    dataset: BaseRefDataset,
    runs: Sequence[Predictions],
    sent_ids: set[int],
) -> Mapping[int, tuple[str, str]]:
    """Draw what was predicted and what is true.

    Args:
        dataset: The annotations, with pictures if they are there.
        runs: Predictions of one run or two.
        sent_ids: The sentences.

    Returns:
        By number of the sentence, its text and a picture as a ``data:`` address: the
        prediction of each run, then the truth.
    """
    drawn = {}
    for image in read_ground_truth(dataset):
        wanted = [entry for entry in image.sentences if entry.sent_id in sent_ids]
        if not wanted:
            continue
        picture = _picture(dataset, image)
        for entry in wanted:
            drawn[entry.sent_id] = entry.facts.text, _draw(picture, entry, runs)
    return drawn


def _picture(dataset: BaseRefDataset, image: TrueImage) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB; grey where there is no file."""
    record = dataset.record(image.index)
    pixels = dataset.load_image(record)
    if pixels is None and Path(record["img_path"]).is_file():
        pixels = read_image(record["img_path"], apply_exif=False)
    if pixels is None:
        return np.full((*image.size, 3), 160, dtype=np.uint8)
    return np.ascontiguousarray(pixels[..., ::-1])


def _draw(
    picture: np.ndarray, sentence: TrueSentence, runs: Sequence[Predictions]
) -> str:
    masks = []
    for run in runs:
        where, row = run.place[sentence.sent_id]
        masks.append(decode_runs(run.images[where].masks[row : row + 1])[0].numpy())
    masks.append(coco_mask.decode(sentence.encoding).astype(bool))
    colors = [*[PREDICTION_COLOR] * len(runs), TRUTH_COLOR]
    small = fit(picture, min_side=_SIDE, max_side=_SIDE)
    panels = []
    for mask, color in zip(masks, colors, strict=True):
        inside = fit(mask.astype(np.uint8), min_side=_SIDE, max_side=_SIDE)
        panels.append(draw_mask(small, inside, LineStyle(color), alpha=0.4))
        panels.append(np.full((len(small), _GAP, 3), 255, dtype=np.uint8))
    joined = np.ascontiguousarray(np.hstack(panels[:-1])[..., ::-1])
    _, content = cv2.imencode(".jpg", joined, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()
