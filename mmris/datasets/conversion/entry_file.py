"""Writes entries of own data, and reads them as training will before they stay."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mmris.datasets.json_ref_dataset import JsonRefDataset
from mmris.datasets.masks import encode_segmentations
from mmris.datasets.picture_headers import read_picture_header


def write_entry_file(
    entries: list[dict[str, Any]],
    out: Path,
    *,
    image_dir: Path,
    split: str | None,
    overwrite: bool,
) -> str:
    """Write entries as a ``.jsonl`` file that :class:`JsonRefDataset` reads.

    Masks that are one list of polygons stay so; anything else becomes one run-length
    encoding of the union. Paths of pictures become relative to the folder of the file.

    Args:
        entries: The entries, with ``mask`` a list of segmentations, or of polygons,
            and with ``size``, the (height, width) that they were made for.
        out: The file.
        image_dir: Folder that relative paths of pictures are in.
        split: Split of all entries, None for none.
        overwrite: Whether to replace a file that is there.

    Returns:
        A line that says how much is in the file.

    Raises:
        FileExistsError: The file is there already.
        FileNotFoundError: A picture is missing.
        ValueError: The name does not end in ``.jsonl``, an entry is refused, or a
            picture is of another size than its annotations say.
    """
    if out.suffix != ".jsonl":
        raise ValueError(f"{out} does not end in .jsonl; choose such a name")
    if out.exists() and not overwrite:
        raise FileExistsError(f"{out} is there already; add --overwrite to replace it")
    out.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it has been read, so that no bad file stays.
    part = out.with_name(f".{out.stem}.part.jsonl")
    try:
        with part.open("w", encoding="utf-8") as file:
            for entry in entries:
                line = _line(entry, image_dir, out.parent, split)
                print(json.dumps(line, ensure_ascii=False), file=file)
        dataset = JsonRefDataset(ann_file=part.name, data_root=str(part.parent))
        os.replace(part, out)
    except (ValueError, FileNotFoundError) as error:
        message = str(error).replace(str(part), f"{out} (not kept)")
        raise type(error)(message) from None
    finally:
        part.unlink(missing_ok=True)
    return (
        f"{out}: {dataset.num_images} pictures, {len(entries)} entries, "
        f"{len(dataset)} sentences"
    )


def _line(
    entry: dict[str, Any], image_dir: Path, folder: Path, split: str | None
) -> dict[str, Any]:
    line = dict(entry)
    header = read_picture_header(image_dir, line["image"])
    size = header.height, header.width
    if line.pop("size") != size:
        raise ValueError(
            f"{image_dir / line['image']} is of (height, width) {size}, but its "
            f"annotations are for {entry['size']}. Use the pictures that they were "
            "made on"
        )
    if "mask" in line:
        line["mask"] = _mask(line["mask"], size)
    path = os.path.relpath(image_dir / line["image"], folder)
    line["image"] = Path(path).as_posix()
    if split is not None:
        line["split"] = split
    return line


def _mask(segmentations: list[Any], size: tuple[int, int]) -> Any:
    """One mask of a list of segmentations, or of polygons."""
    parts: list[Any] = []
    for segmentation in segmentations:
        nested = isinstance(segmentation, list) and any(
            isinstance(part, (list, dict)) for part in segmentation
        )
        parts += segmentation if nested else [segmentation]
    if all(isinstance(part, list) for part in parts):
        return parts
    return encode_segmentations([parts], *size)
