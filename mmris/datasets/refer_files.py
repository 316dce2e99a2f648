"""The files of the REFER family, ``refs(<partition>).p`` and ``instances.json``.

gRefCOCO's ``grefs(<partition>).json`` is one of them, with several targets or none.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Literal, get_args

from .annotation_checks import (
    MAX_BITS,
    check_unique,
    read_annotation_file,
    required_field,
    required_size,
)
from .annotation_doubts import AnnotationDoubts
from .blank_sentences import leave_out_blank_sentences
from .masks import check_segmentation
from .short_repr import short_repr

TextField = Literal["sent", "raw"]

# What gRefCOCO writes where a reference points at nothing.
NO_ANNOTATION = -1


def read_refer_records(
    folder: str | Path, *, partition: str, split: str, text_field: str = "sent"
) -> list[dict[str, Any]]:
    """Read one split of a data set in the layout of REFER.

    References find their picture by ``image_id``: their own ``file_name`` carries a
    running number in the published files and names no picture. Sentences without any
    text are left out, with a warning that names them, and so are references without
    sentences. The split is matched as REFER does: ``testA``, ``testB`` and
    ``testC`` by their last letter, ``test`` takes every split whose name contains it,
    any other name must be equal.

    A reference may name several annotations. Those of crowds are left out beside others
    (gRefCOCO's own evaluation does so); a reference to crowds alone means them. One
    that names none (``ann_id`` -1) is about nothing in the picture.

    Args:
        folder: Folder with ``instances.json`` and ``refs(<partition>).json`` or ``.p``,
            or with ``grefs(...)``. Of the two the JSON file is read, which needs no
            unpickling.
        partition: Who split the data: ``unc``, ``google``, ``umd``, ...
        split: ``train``, ``val``, ``test``, ``testA``, ``testB``, ...
        text_field: The text of a sentence: ``sent``, cleaned (lower case, no
            punctuation), or ``raw``, as typed.

    Returns:
        Records of :class:`BaseRefDataset`, one an image in the order of its first
        reference, with ``file_name`` instead of ``img_path``.

    Raises:
        FileNotFoundError: No file for this partition, or no ``instances.json``.
        ValueError: Unknown split or text field, or a malformed file; the message names
            file, entry and field.
    """
    if text_field not in get_args(TextField):
        raise ValueError(
            f"text_field is {text_field!r}; choose one of {get_args(TextField)}"
        )
    folder = Path(folder)
    path = find_references(folder, partition)
    selected = _select(_read_list(path), split, path)
    references = [
        reference
        for number, entry in selected
        if (reference := _reference(entry, text_field, f"{path}, entry {number}"))
    ]
    references = leave_out_blank_sentences(references, path)
    if not references:
        raise ValueError(f"{path}: no reference of split {split!r} has a sentence")
    check_unique(
        (s["sent_id"] for r in references for s in r["sentences"]), "sent_id", path
    )
    return _join(references, folder / "instances.json", path)


def find_references(folder: Path, partition: str) -> Path:
    """Find the references of a partition.

    Args:
        folder: Folder with ``refs(<partition>)`` or ``grefs(<partition>)``, ``.json``
            or ``.p``; JSON comes first.
        partition: Who split the data.

    Raises:
        FileNotFoundError: There is neither; the message lists the partitions.
    """
    for name in ("refs", "grefs"):
        for suffix in (".json", ".p"):
            path = folder / f"{name}({partition}){suffix}"
            if path.is_file():
                return path
    found = list_partitions(folder)
    raise FileNotFoundError(
        f"{folder} has no refs({partition}).p and no refs({partition}).json; "
        f"partitions there: {found or 'none'}. Set 'partition' of the dataset to one "
        "of them"
    )


def list_partitions(folder: Path) -> list[str]:
    """Who split the data of a folder.

    Args:
        folder: Folder of files as :func:`find_references` finds them.
    """
    files = [*folder.glob("refs(*).*"), *folder.glob("grefs(*).*")]
    return sorted({path.stem.partition("(")[2][:-1] for path in files})


def _read_list(path: Path) -> list[Any]:
    content = read_annotation_file(path)
    if not isinstance(content, list):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; expected a list of references"
        )
    return content


def _select(
    entries: list[Any], split: str, path: Path
) -> list[tuple[int, dict[str, Any]]]:
    """The entries of one split, each with its number in the file."""
    splits = [
        required_field(entry, "split", str, f"{path}, entry {number}")
        for number, entry in enumerate(entries)
    ]
    check_unique(
        (
            required_field(entry, "ref_id", int, f"{path}, entry {number}")
            for number, entry in enumerate(entries)
        ),
        "ref_id",
        path,
    )
    selected = [
        (number, entries[number])
        for number, name in enumerate(splits)
        if _in_split(name, split)
    ]
    if not selected:
        raise ValueError(
            f"{path} has no split {split!r}; it has {sorted(set(splits))}. Set 'split' "
            "of the dataset to one of them"
        )
    return selected


def _in_split(name: str, split: str) -> bool:
    if split in ("testA", "testB", "testC"):
        return split[-1] in name
    if split == "test":
        return "test" in name
    return name == split


def _reference(
    entry: dict[str, Any], text_field: str, where: str
) -> dict[str, Any] | None:
    """The reference of a record, still with its image; None without sentences."""
    ref_id = required_field(entry, "ref_id", int, where)
    where = f"{where} (ref_id {ref_id})"
    sentences = [
        {
            "sent_id": required_field(
                sentence, "sent_id", int, f"{where}, sentence {number}"
            ),
            "text": required_field(
                sentence, text_field, str, f"{where}, sentence {number}"
            ),
            "kind": _kind(sentence, f"{where}, sentence {number}"),
        }
        for number, sentence in enumerate(
            required_field(entry, "sentences", list, where)
        )
    ]
    if not sentences:
        return None
    annotations = _annotations(entry, where)
    categories = set(_identifiers(entry, "category_id", where))
    return {
        "image_id": required_field(entry, "image_id", int, where),
        "ref_id": ref_id,
        "ann_ids": annotations,
        # Objects of several categories have none in common.
        "category_id": min(categories) if len(categories) == 1 else -1,
        "categories": categories,
        "sentences": sentences,
    }


def _kind(sentence: dict[str, Any], where: str) -> str:
    if "kind" not in sentence:
        return ""
    kind: str = required_field(sentence, "kind", str, where)
    return kind


def _annotations(entry: dict[str, Any], where: str) -> list[int]:
    """The annotations of a reference, none if it points at nothing."""
    numbers = _identifiers(entry, "ann_id", where)
    nothing = numbers == [NO_ANNOTATION]
    if NO_ANNOTATION in numbers and not nothing:
        raise ValueError(
            f"{where}: 'ann_id' is {short_repr(numbers)}; {NO_ANNOTATION}, which means "
            "nothing, stands alone"
        )
    if len(set(numbers)) < len(numbers):
        raise ValueError(
            f"{where}: 'ann_id' is {short_repr(numbers)}; an id stands twice"
        )
    if entry.get("no_target", nothing) != nothing:
        raise ValueError(
            f"{where}: 'no_target' is {short_repr(entry['no_target'])}, but 'ann_id' "
            "is "
            f"{short_repr(numbers)}. One of the two is wrong: take the file from its "
            "source"
        )
    return [] if nothing else numbers


def _identifiers(entry: dict[str, Any], name: str, where: str) -> list[int]:
    value = required_field(entry, name, (int, list), where)
    values = value if isinstance(value, list) else [value]
    if not values or any(
        type(number) is not int or number.bit_length() > MAX_BITS for number in values
    ):
        raise ValueError(
            f"{where}: {name!r} is {short_repr(value)}; expected ids, all int"
        )
    return values


def _join(
    references: list[dict[str, Any]], path: Path, references_path: Path
) -> list[dict[str, Any]]:
    """Put references, images and annotations together."""
    content = read_annotation_file(path)
    image_ids = {reference["image_id"] for reference in references}
    ann_ids = {number for reference in references for number in reference["ann_ids"]}
    images = _table(content, "images", image_ids, path)
    annotations = _table(content, "annotations", ann_ids, path)
    shown = _count_objects(content["annotations"])
    doubts = AnnotationDoubts(path)
    records: dict[int, dict[str, Any]] = {}
    for reference in references:
        where = f"{references_path}, ref_id {reference['ref_id']}"
        image_id = reference.pop("image_id")
        if image_id not in images:
            raise ValueError(
                f"{where}: image_id {image_id} is not among the images of {path}"
            )
        if image_id not in records:
            records[image_id] = _image(images[image_id], f"{path}, image {image_id}")
        targets = [
            _target(annotations, number, image_id, (where, path))
            for number in reference["ann_ids"]
        ]
        categories = reference.pop("categories")
        for target in targets:
            _check_target(target, records[image_id], path)
            doubts.look(target, records[image_id], categories)
        targets = _without_crowds(targets)
        reference["ann_ids"] = [target["id"] for target in targets]
        reference["segmentations"] = [target["segmentation"] for target in targets]
        reference["num_distractors"] = _num_distractors(reference, image_id, shown)
        records[image_id]["references"].append(reference)
    doubts.tell()
    return list(records.values())


def _table(
    content: Any, name: str, wanted: set[int], path: Path
) -> dict[int, dict[str, Any]]:
    """Entries of ``instances.json`` by their id, those that are wanted."""
    table: dict[int, dict[str, Any]] = {}
    for number, entry in enumerate(required_field(content, name, list, str(path))):
        identifier = required_field(entry, "id", int, f"{path}, {name}[{number}]")
        if identifier not in wanted:
            continue
        if identifier in table:
            raise ValueError(f"{path}: id {identifier} stands twice in {name!r}")
        table[identifier] = entry
    return table


def _without_crowds(targets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The annotations of single objects, or all of them where there is none."""
    return [target for target in targets if not target.get("iscrowd")] or targets


def _count_objects(annotations: list[dict[str, Any]]) -> Counter[tuple[int, int]]:
    """Number of objects of each picture and category, referred to or not."""
    numbers = (
        (entry.get("image_id"), entry.get("category_id"))
        for entry in annotations
        if isinstance(entry, dict) and not entry.get("iscrowd")
    )
    # Only annotations that a reference names are checked: others may hold anything.
    return Counter(
        (image, category)
        for image, category in numbers
        if isinstance(image, int) and isinstance(category, int)
    )


def _num_distractors(
    reference: dict[str, Any], image_id: int, shown: Counter[tuple[int, int]]
) -> int:
    """Objects of the reference's category besides its own; -1 without a category."""
    category = reference["category_id"]
    if category == -1:
        return -1
    return max(shown[image_id, category] - len(reference["ann_ids"]), 0)


def _image(image: dict[str, Any], where: str) -> dict[str, Any]:
    height, width = required_size(image, where)
    name = required_field(image, "file_name", str, where)
    # Halves of surrogate pairs, and what folders have for names, name no file.
    if not name.strip("/.") or re.search("[\0\n\r\ud800-\udfff]", name):
        raise ValueError(
            f"{where}: 'file_name' is {short_repr(name)}; expected that of a picture"
        )
    return {
        "image_id": image["id"],
        "file_name": name,
        "height": height,
        "width": width,
        "references": [],
    }


def _target(
    annotations: dict[int, dict[str, Any]],
    ann_id: int,
    image_id: int,
    where: tuple[str, Path],
) -> dict[str, Any]:
    """The annotation that a reference names, if it is of the same image."""
    reference, path = where
    if ann_id not in annotations:
        raise ValueError(
            f"{reference}: ann_id {ann_id} is not among the annotations of {path}"
        )
    place = f"{path}, annotation {ann_id}"
    other = required_field(annotations[ann_id], "image_id", int, place)
    if other != image_id:
        raise ValueError(
            f"{reference} is of image {image_id}, but its annotation {ann_id} in "
            f"{path} is of image {other}"
        )
    return annotations[ann_id]


def _check_target(target: dict[str, Any], image: dict[str, Any], path: Path) -> None:
    """Refuse an annotation from which no mask can be made."""
    place = f"{path}, annotation {target['id']}"
    segmentation = required_field(target, "segmentation", (list, dict), place)
    if not segmentation:
        raise ValueError(f"{place}: 'segmentation' is empty; a reference needs a mask")
    try:
        check_segmentation(segmentation, image["height"], image["width"])
    except ValueError as error:
        raise ValueError(f"{place}: {error}. Correct it there") from None
    if target.get("iscrowd", 0) not in (0, 1):
        raise ValueError(
            f"{place}: 'iscrowd' is {short_repr(target['iscrowd'])}; expected 0 or 1"
        )
