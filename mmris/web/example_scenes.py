"""Pictures to try the page with, made here: nothing is downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from mmris.datasets import ShapesRefDataset

if TYPE_CHECKING:
    from pathlib import Path

_SIDE = 288  # pixels, three times the size that small models are trained with
_SENTENCES = 3


def write_example_scenes(folder: Path, *, count: int = 4) -> list[tuple[str, str]]:
    """Write generated scenes that no model was trained on.

    Args:
        folder: Where the pictures go.
        count: Their number.

    Returns:
        Path of each picture, and sentences about it, one a line.
    """
    scenes = ShapesRefDataset(
        split="testA", num_images=count, image_size=(_SIDE, _SIDE), test_mode=True
    )
    examples = []
    for number in range(count):
        item = scenes[number]
        path = folder / f"scene_{number + 1}.png"
        Image.fromarray(item["img"][..., ::-1]).save(path)
        examples.append((str(path), "\n".join(item["expressions"][:_SENTENCES])))
    return examples
