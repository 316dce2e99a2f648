"""Annotations in COCO's format to entries of own data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mmris.datasets.annotation_checks import (
    read_annotation_file,
    required_field,
    required_size,
)
from mmris.datasets.masks import encode_segmentations, mask_area

if TYPE_CHECKING:
    from pathlib import Path

    from .left_out import LeftOut

TextPlace = Literal["annotation", "image", "category"]


def read_coco_entries(
    path: Path, *, text: TextPlace, text_key: str, left_out: LeftOut
) -> list[dict[str, Any]]:
    """Make entries of a file of instances.

    Args:
        path: The file, with ``images``, ``annotations`` and ``categories``.
        text: Where the sentences are. ``"annotation"``: each annotation has its own.
            ``"image"``: each picture has some, which mean all of its annotations, or
            nothing where it has none. ``"category"``: the name of a category means all
            its objects in a picture.
        text_key: Name of the field with the sentences, a text or a list of texts; not
            used with ``"category"``.
        left_out: Takes what becomes no entry.

    Returns:
        Entries without ``split``, in the order of the pictures, for
        :func:`write_entry_file`; ``image`` is ``file_name`` as it stands in the file.

    Raises:
        ValueError: The file is malformed, or nothing in it has such a field.
    """
    content = read_annotation_file(path)
    images = _by_id(content, "images", path)
    names = _category_names(content, path)
    groups: dict[int, list[dict[str, Any]]] = {number: [] for number in images}
    for number, annotation in _by_id(content, "annotations", path).items():
        where = f"{path}, annotation {number}"
        image_id = required_field(annotation, "image_id", int, where)
        if image_id not in images:
            raise ValueError(
                f"{where}: 'image_id' {image_id} is not among the images of the file"
            )
        if _has_mask(annotation, images[image_id], where, left_out):
            groups[image_id].append(annotation)
    entries = []
    for image_id, group in groups.items():
        image = images[image_id]
        where = f"{path}, image {image_id}"
        if text == "annotation":
            found = [
                (texts, [annotation])
                for annotation in group
                if (texts := _texts(annotation, text_key, path, left_out))
            ]
        elif text == "image":
            texts = _texts(image, text_key, path, left_out)
            found = [(texts, group)] if texts else []
        else:
            found = [([name], own) for name, own in _by_name(group, names)]
        required_field(image, "file_name", str, where)
        entries += [_entry(image, *one, names) for one in found]
    if not entries:
        raise ValueError(_nothing(path, content, text, text_key))
    return entries


def _by_id(content: Any, name: str, path: Path) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for number, entry in enumerate(required_field(content, name, list, str(path))):
        identifier = required_field(entry, "id", int, f"{path}, {name}[{number}]")
        if identifier in found:
            raise ValueError(f"{path}: id {identifier} stands twice in {name!r}")
        found[identifier] = entry
    return found


def _category_names(content: dict[str, Any], path: Path) -> dict[int, str]:
    if "categories" not in content:
        return {}
    return {
        number: required_field(entry, "name", str, f"{path}, category {number}")
        for number, entry in _by_id(content, "categories", path).items()
    }


def _has_mask(
    annotation: dict[str, Any], image: dict[str, Any], where: str, left_out: LeftOut
) -> bool:
    size = required_size(image, f"{where}, its image")
    place = f"annotation {annotation['id']}"
    if not annotation.get("segmentation"):
        left_out.add("annotations without a segmentation", place)
        return False
    try:
        encoding = encode_segmentations([annotation["segmentation"]], *size)
    except ValueError as error:
        left_out.add(f"annotations whose segmentation is malformed ({error})", place)
        return False
    if not mask_area(encoding):
        left_out.add("annotations whose mask has no pixel", place)
        return False
    return True


def _texts(entry: dict[str, Any], key: str, path: Path, left_out: LeftOut) -> list[str]:
    value = entry.get(key)
    texts = [value] if isinstance(value, str) else value
    if texts is None:
        texts = []
    if not isinstance(texts, list) or any(not isinstance(t, str) for t in texts):
        raise ValueError(
            f"{path}, id {entry['id']}: {key!r} is {value!r:.80}; expected a text or a "
            "list of texts"
        )
    kept = [text.strip() for text in texts if text.strip()]
    if not kept:
        left_out.add(f"objects without a sentence in {key!r}", f"id {entry['id']}")
    return kept


def _category(annotation: dict[str, Any], names: dict[int, str]) -> str:
    """Name of an annotation's category, "" if it has none."""
    number = annotation.get("category_id")
    return names.get(number, "") if isinstance(number, int) else ""


def _by_name(
    annotations: list[dict[str, Any]], names: dict[int, str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for annotation in annotations:
        if name := _category(annotation, names):
            groups.setdefault(name, []).append(annotation)
    return list(groups.items())


def _entry(
    image: dict[str, Any],
    texts: list[str],
    annotations: list[dict[str, Any]],
    names: dict[int, str],
) -> dict[str, Any]:
    entry: dict[str, Any] = {"image": image["file_name"]}
    # Left out by the writer, once it has been compared with the picture.
    entry["size"] = (image.get("height"), image.get("width"))
    if not annotations:
        entry["no_target"] = True
    else:
        entry["mask"] = [a["segmentation"] for a in annotations]
    entry["sentences"] = texts
    own = {_category(a, names) for a in annotations}
    # Objects of several categories have none in common.
    category = own.pop() if len(own) == 1 else ""
    if category:
        entry["category"] = category
    return entry


def _nothing(path: Path, content: dict[str, Any], text: str, key: str) -> str:
    if text == "category":
        return f"{path} has no annotation with a mask and a category that has a name"
    table = content["images" if text == "image" else "annotations"]
    keys = sorted({name for entry in table for name in entry})
    return (
        f"{path} has no {text} with a mask and a sentence in {key!r}; fields there are "
        f"{keys}. Name the field of the sentences, or take the names of categories"
    )
