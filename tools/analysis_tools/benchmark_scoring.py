"""Time of scoring stored predictions against reading and decoding them once.

Makes predictions and annotations for as many sentences as RefCOCO's validation split
has, of pictures of 480x640: the masks are unions of ellipses, as ragged as masks of a
network. Prints the time of reading the file and decoding every mask to pixels, and that
of scoring the file as tools/analysis_tools/score.py does.

Example:
    python tools/analysis_tools/benchmark_scoring.py
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from mmris.datasets.masks import encode_mask
from mmris.evaluation import (
    open_annotations,
    read_ground_truth,
    read_predictions,
    score_predictions,
)
from mmris.evaluation.prediction_file import header_line, image_line
from mmris.evaluation.protocols import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HEIGHT, WIDTH = 480, 640
SENTENCES_PER_OBJECT = 3


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        argv: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(description="Measure the time of scoring.")
    parser.add_argument("--masks", type=int, default=10_834, help="number of sentences")
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")
    return parser.parse_args(argv)


def random_mask(rng: np.random.Generator) -> np.ndarray:
    """Some ellipses with a ragged outline.

    Args:
        rng: Random numbers.
    """
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    center = rng.uniform(0.3, 0.7, 2) * (WIDTH, HEIGHT)
    for _ in range(3):
        place = center + rng.normal(0, 40, 2)
        axes = rng.uniform(20, 120, 2)
        box = (tuple(place.tolist()), tuple((2 * axes).tolist()), rng.uniform(0, 180))
        cv2.ellipse(mask, box, 1, thickness=-1)
    noise = rng.normal(0, 1, (HEIGHT // 8, WIDTH // 8)).astype(np.float32)
    ragged = cv2.resize(noise, (WIDTH, HEIGHT)) * 2
    shifted = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 3) - 0.5 + 0.1 * ragged
    return np.asarray(shifted > 0)


def write_files(folder: Path, number: int) -> tuple[Path, Path]:
    """Write predictions and annotations.

    Args:
        folder: Where to.
        number: Of sentences.

    Returns:
        The two files.
    """
    rng = np.random.default_rng(0)
    cv2.imwrite(str(folder / "picture.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    entries: list[dict[str, Any]] = []
    lines = [header_line({})]
    for start in range(0, number, SENTENCES_PER_OBJECT):
        ids = list(range(start, min(start + SENTENCES_PER_OBJECT, number)))
        entries.append(
            {
                "image": "picture.png",
                "mask": encode_mask(random_mask(rng)),
                "sentences": ["the cup on the left"] * len(ids),
                "sent_ids": ids,
            }
        )
        lines.append(
            image_line(
                image_id=start,
                size=(HEIGHT, WIDTH),
                sent_ids=ids,
                expressions=["the cup on the left"] * len(ids),
                counts=[encode_mask(random_mask(rng))["counts"] for _ in ids],
                frame=None,
                logit_step=None,
            )
        )
    predictions, annotations = folder / "predictions.jsonl", folder / "truth.json"
    predictions.write_text("".join(lines), encoding="utf-8")
    annotations.write_text(json.dumps(entries), encoding="utf-8")
    return predictions, annotations


def read_and_decode(path: Path) -> int:
    """Read the file and make pixels of every mask.

    Args:
        path: The predictions.

    Returns:
        Pixels of all masks.
    """
    pixels = 0
    with path.open(encoding="utf-8") as file:
        file.readline()
        for line in file:
            entry = json.loads(line)
            for counts in entry["counts"]:
                mask = coco_mask.decode({"size": entry["size"], "counts": counts})
                pixels += int(mask.size)
    return pixels


def score(path: Path, truth: Any) -> dict[str, float]:
    """Score the file by mmris's own rules.

    Args:
        path: The predictions.
        truth: The opened annotations.
    """
    predictions = read_predictions(path)
    protocol = PROTOCOLS["mmris"]
    tables = score_predictions(predictions, read_ground_truth(truth), [protocol])
    return tables[protocol.name].scores()


def fastest(action: Callable[[], Any], repeats: int) -> float:
    """Seconds of the fastest of several calls.

    Args:
        action: What is measured.
        repeats: How often.
    """
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def main(argv: Sequence[str] | None = None) -> float:
    """Measure and print.

    Args:
        argv: The words after the program's name; None takes the real ones.

    Returns:
        Time of scoring in times of reading and decoding.
    """
    args = parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        predictions, annotations = write_files(Path(folder), args.masks)
        # Opening checks each annotation, once for all that is scored by it.
        truth = open_annotations(annotations)
        truth.full_init()
        megabytes = predictions.stat().st_size / 1e6
        decoding = fastest(lambda: read_and_decode(predictions), args.repeats)
        scoring = fastest(lambda: score(predictions, truth), args.repeats)
    print(f"{args.masks} masks of {HEIGHT}x{WIDTH}, {megabytes:.1f} MB")
    print(f"reading and decoding: {decoding:.2f} s")
    print(f"scoring:              {scoring:.2f} s, {scoring / decoding:.2f} times")
    return scoring / decoding


if __name__ == "__main__":
    main()
