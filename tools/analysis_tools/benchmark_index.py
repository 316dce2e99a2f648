"""Load time and memory of the index against a plain loader of the files of REFER.

Writes a folder in the layout of REFER with as many images, annotations, references and
sentences as RefCOCO has, and measures on it, each in a process of its own:

* plain: all files into lists and dictionaries with an entry for each id, as loaders of
  this layout do;
* first: the training split by mmris, which makes the index on the way;
* index: the training split by mmris, from the index;
* workers: the memory that each of four workers of a data loader has for itself once
  they have read items of all images, but no picture; and of four that read nothing.

Memory is the growth of the resident set, in MB of 10^6 bytes. Linux only.

Example:
    python tools/analysis_tools/benchmark_index.py
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

from mmris.datasets import ReferDataset
from mmris.datasets.index_files import FOLDER_VARIABLE
from mmris.utils.peak_memory import own_memory, resident

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Those of RefCOCO, without some thousand of its sentences.
IMAGES, ANNOTATIONS, REFERENCES, SENTENCES = 19_994, 196_771, 50_000, 138_000
HEIGHT, WIDTH = 480, 640
IMAGE_DIR = "images"
# Of the pictures, in the proportions of the unc partition.
SPLIT_SHARES = {"train": 0.85, "val": 0.074, "testA": 0.038, "testB": 0.038}
WORDS = ("the", "left", "right", "red", "small", "man", "dog", "cup", "on", "behind")
WORKERS = 4


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        argv: The words after the program's name; None takes the real ones.
    """
    parser = argparse.ArgumentParser(description="Measure the index of a data set.")
    parser.add_argument(
        "--share", type=float, default=1.0, help="size of the folder, 1 for RefCOCO's"
    )
    parser.add_argument("--repeats", type=int, default=3, help="the middle one counts")
    parser.add_argument("--measure", choices=list(MEASURES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def write_folder(root: Path, share: float) -> None:
    """Write a folder in the layout of REFER; its pictures are missing.

    Args:
        root: The folder.
        share: Its size, 1 for that of RefCOCO.
    """
    rng = np.random.default_rng(0)
    images, annotations, references, sentences = (
        max(round(share * number), 1)
        for number in (IMAGES, ANNOTATIONS, REFERENCES, SENTENCES)
    )
    folder = root / "refcoco"
    folder.mkdir(parents=True)
    (root / IMAGE_DIR).mkdir()
    entries = make_annotations(rng, annotations, images)
    content = {
        "info": {"description": "made for a benchmark"},
        "licenses": [],
        "images": [make_image(number) for number in range(images)],
        "annotations": entries,
        "categories": [{"id": n, "name": f"thing {n}"} for n in range(1, 81)],
    }
    with (folder / "instances.json").open("w", encoding="utf-8") as file:
        file.write(json.dumps(content))
    chosen = rng.choice(annotations, size=references, replace=False).tolist()
    owners = np.sort(rng.integers(references, size=sentences - references))
    numbers = np.split(
        np.arange(sentences), np.cumsum(1 + np.bincount(owners, minlength=references))
    )
    texts = make_texts(rng, sentences)
    # A picture is of one split.
    shares = list(SPLIT_SHARES.values())
    splits = rng.choice(list(SPLIT_SHARES), size=images, p=shares).tolist()
    made = []
    for number, annotation in enumerate(chosen):
        entry, ids = entries[annotation], numbers[number].tolist()
        made.append(
            {
                "sent_ids": ids,
                "file_name": f"COCO_train2014_{entry['image_id']:012d}_{number}.jpg",
                "ann_id": entry["id"],
                "ref_id": number,
                "image_id": entry["image_id"],
                "split": splits[entry["image_id"]],
                "sentences": [make_sentence(n, texts[n]) for n in ids],
                "category_id": entry["category_id"],
            }
        )
    with (folder / "refs(unc).p").open("wb") as file:
        pickle.dump(made, file, protocol=2)


def make_image(number: int) -> dict[str, Any]:
    """An entry of images as COCO has them.

    Args:
        number: Its id.
    """
    name = f"COCO_train2014_{number:012d}.jpg"
    return {
        "license": 1,
        "file_name": name,
        "coco_url": f"http://images.example/train2014/{name}",
        "height": HEIGHT,
        "width": WIDTH,
        "date_captured": "2013-11-15 02:41:42",
        "flickr_url": f"http://pictures.example/{name}",
        "id": number,
    }


def make_annotations(
    rng: np.random.Generator, count: int, images: int
) -> list[dict[str, Any]]:
    """Annotations of one to three polygons of 8 to 55 corners.

    Args:
        rng: Random numbers.
        count: How many.
        images: Number of images that they are spread over.
    """
    parts = rng.choice([1, 2, 3], size=count, p=[0.88, 0.09, 0.03])
    corners = rng.integers(8, 56, size=parts.sum())
    size = rng.uniform(10, 80, size=len(corners))
    center = rng.uniform(90, (WIDTH - 90, HEIGHT - 90), size=(len(corners), 2))
    turn = np.arange(corners.sum()) - np.repeat(np.cumsum(corners) - corners, corners)
    angle = 2 * np.pi * turn / np.repeat(corners, corners)
    radius = np.repeat(size, corners) * rng.uniform(0.8, 1, size=len(angle))
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.repeat(center, corners, axis=0) + radius[:, None] * circle
    polygons = np.split(points.round(2), np.cumsum(corners)[:-1])
    shown = rng.integers(images, size=count).tolist()
    categories = rng.integers(1, 81, size=count).tolist()
    entries, start = [], 0
    for number, length in enumerate(parts.tolist()):
        own = polygons[start : start + length]
        start += length
        low = np.min([part.min(0) for part in own], axis=0)
        extent = np.max([part.max(0) for part in own], axis=0) - low
        entries.append(
            {
                "segmentation": [part.ravel().tolist() for part in own],
                "area": round(float(extent.prod()) * 0.7, 4),
                "iscrowd": 0,
                "image_id": shown[number],
                "bbox": [*low.tolist(), *extent.round(2).tolist()],
                "category_id": categories[number],
                "id": number + 1,
            }
        )
    return entries


def make_texts(rng: np.random.Generator, count: int) -> list[list[str]]:
    """Sentences of one to seven words.

    Args:
        rng: Random numbers.
        count: How many.
    """
    words = rng.choice(WORDS, size=(count, 7)).tolist()
    lengths = rng.integers(1, 8, size=count).tolist()
    return [row[:length] for row, length in zip(words, lengths, strict=True)]


def make_sentence(number: int, tokens: list[str]) -> dict[str, Any]:
    """A sentence of a reference.

    Args:
        number: Its id.
        tokens: Its words.
    """
    text = " ".join(tokens)
    return {"tokens": tokens, "raw": text, "sent_id": number, "sent": text}


class PlainLoader:
    """All files in memory, with a dictionary for each kind of id.

    Args:
        folder: The folder with ``instances.json`` and ``refs(unc).p``.
    """

    def __init__(self, folder: Path) -> None:
        # The file was written above: an ordinary unpickler is safe here alone.
        with (folder / "refs(unc).p").open("rb") as file:
            self.references = pickle.load(file)
        with (folder / "instances.json").open("rb") as file:
            content = json.load(file)
        self.images = {entry["id"]: entry for entry in content["images"]}
        self.annotations = {entry["id"]: entry for entry in content["annotations"]}
        self.categories = {e["id"]: e["name"] for e in content["categories"]}
        self.of_image: dict[int, list[Any]] = {}
        for entry in content["annotations"]:
            self.of_image.setdefault(entry["image_id"], []).append(entry)
        self.reference_of_id = {entry["ref_id"]: entry for entry in self.references}
        self.references_of_image: dict[int, list[Any]] = {}
        self.references_of_category: dict[int, list[Any]] = {}
        self.sentences, self.tokens, self.reference_of_sentence = {}, {}, {}
        for entry in self.references:
            self.references_of_image.setdefault(entry["image_id"], []).append(entry)
            self.references_of_category.setdefault(entry["category_id"], []).append(
                entry
            )
            for sentence in entry["sentences"]:
                self.sentences[sentence["sent_id"]] = sentence
                self.tokens[sentence["sent_id"]] = sentence["tokens"]
                self.reference_of_sentence[sentence["sent_id"]] = entry
        self.annotation_of_reference = {
            entry["ref_id"]: self.annotations[entry["ann_id"]]
            for entry in self.references
        }


class Unread(Dataset[int]):
    """As many items as another dataset, of nothing.

    Args:
        length: How many.
    """

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        """Number of items."""
        return self.length

    def __getitem__(self, index: int) -> int:
        """Nothing."""
        return index


def open_dataset(root: Path) -> ReferDataset:
    """The training split by mmris; an item is how many masks it has.

    Args:
        root: The folder.
    """
    return ReferDataset(
        dataset="refcoco",
        partition="unc",
        split="train",
        data_root=str(root),
        image_dir=IMAGE_DIR,
        sampling="reference",
        pipeline=[lambda item: len(item["segmentations"])],
    )


def measure_loading(load: Callable[[], object]) -> dict[str, float]:
    """Seconds and memory of loading.

    Args:
        load: Gives what is to be kept in memory.
    """
    before = resident("VmRSS")
    start = time.perf_counter()
    loaded = load()
    seconds = time.perf_counter() - start
    growth = resident("VmRSS") - before
    del loaded
    return {"seconds": seconds, "megabytes": growth}


def measure_workers(root: Path) -> dict[str, float]:
    """The largest memory of its own that a worker has, with items and without.

    Args:
        root: The folder.
    """
    dataset = open_dataset(root)
    return {
        "items": max(_memory_of_workers(dataset)),
        "nothing": max(_memory_of_workers(Unread(len(dataset)))),
    }


def _memory_of_workers(dataset: Dataset[Any]) -> list[float]:
    loader = DataLoader(
        dataset, batch_size=8, num_workers=WORKERS, persistent_workers=True
    )
    batches = iter(loader)
    for _ in batches:
        pass
    return [own_memory(worker.pid) for worker in batches._workers]


MEASURES = {
    "plain": lambda root: measure_loading(lambda: PlainLoader(root / "refcoco")),
    "first": lambda root: measure_loading(lambda: open_dataset(root)),
    "index": lambda root: measure_loading(lambda: open_dataset(root)),
    "workers": measure_workers,
}


def in_new_process(measure: str, root: Path) -> dict[str, float]:
    """Run a measure in a process of its own.

    Args:
        measure: Its name.
        root: The folder.
    """
    command = [sys.executable, __file__, "--measure", measure, "--folder", str(root)]
    # The index lies in the folder that is measured, not where the user has others.
    environment = {**os.environ, FOLDER_VARIABLE: str(root / "index")}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def measure_all(root: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Run all measures, those of loading in turn, and take the middle values.

    Args:
        root: The folder.
        repeats: How often.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in MEASURES}
    for _ in range(repeats):
        shutil.rmtree(root / "index", ignore_errors=True)
        for name in ("plain", "first", "index"):
            found[name].append(in_new_process(name, root))
    found["workers"].append(in_new_process("workers", root))
    return {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for name, runs in found.items()
    }


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Measure and print.

    Args:
        argv: The words after the program's name; None takes the real ones.

    Returns:
        What was measured.
    """
    args = parse_args(argv)
    if args.measure is not None:
        numbers = MEASURES[args.measure](args.folder)
        print(json.dumps(numbers))
        return {args.measure: numbers}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "data"
        write_folder(root, args.share)
        size = sum(path.stat().st_size for path in (root / "refcoco").iterdir()) / 1e6
        found = measure_all(root, args.repeats)
    plain, index, workers = found["plain"], found["index"], found["workers"]
    print(f"a folder of {args.share:g} times the size of RefCOCO, {size:.0f} MB")
    for measure in ("plain", "first", "index"):
        print(
            f"{measure:8}{found[measure]['seconds']:8.2f} s"
            f"{found[measure]['megabytes']:8.0f} MB"
        )
    print(
        f"the index is {plain['seconds'] / index['seconds']:.0f} times as fast as the "
        f"plain loader, with 1/{plain['megabytes'] / index['megabytes']:.0f} of its "
        "memory"
    )
    print(
        f"each of {WORKERS} workers has {workers['items']:.1f} MB for itself, one that "
        f"reads nothing {workers['nothing']:.1f} MB"
    )
    return found


if __name__ == "__main__":
    main()
