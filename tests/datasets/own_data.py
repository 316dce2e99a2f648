"""Small data of one's own on disk, for the tests of JsonRefDataset and its parts."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from mmris.datasets.ref_entry import RefEntry

HEIGHT, WIDTH = 12, 20
# x from 3 to 8, y from 2 to 6: wider than high, nearer to the top than to the left.
POLYGON = [3, 2, 8, 2, 8, 6, 3, 6]


def box_mask(height=HEIGHT, width=WIDTH):
    mask = np.zeros((height, width), np.uint8)
    mask[2:6, 3:8] = 1
    return mask


def run_lengths(mask):
    """Uncompressed run lengths, down the columns, the first of them of zeros."""
    counts, last, length = [], 0, 0
    for value in mask.T.ravel().tolist():
        if value != last:
            counts.append(length)
            last, length = value, 0
        length += 1
    return [*counts, length]


def make_entry(mask, *, mask_value=None, **more):
    """An entry that was parsed, for parts that take one."""
    fields = {
        "where": "here",
        "image": "a.png",
        "sentences": ("the box",),
        "split": None,
        "kind": "",
        "category": "",
        "image_id": None,
        "ref_id": None,
        "sent_ids": None,
    }
    return RefEntry(mask=mask, mask_value=mask_value, **{**fields, **more})


def write_picture(path, *, height=HEIGHT, width=WIDTH, seed=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return pixels


def write_entries(path, entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps(entries), encoding="utf-8")
    else:
        lines = [json.dumps(entry, ensure_ascii=False) for entry in entries]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
