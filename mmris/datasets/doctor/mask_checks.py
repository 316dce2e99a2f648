"""Masks without a pixel, outside their picture, or of parts that overlap."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from pycocotools import mask as coco_mask

from mmris.datasets.masks import encode_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .content import Content, Mask, Picture
    from .findings import Findings

# COCO's own polygons touch the border and leave it by fractions of a pixel.
TOLERANCE = 1.0


@dataclass(frozen=True)
class Overlap:
    """What becomes of an annotation whose parts overlap.

    Args:
        union: Pixels of the mask.
        doubled: Pixels that more than one part covers: of value 2 and more in the masks
            of the REFER API. Who asks for value 1 loses them.
        inverted: Those covered an even number of times, which an exclusive or loses.
    """

    union: int
    doubled: int
    inverted: int


def check_masks(
    masks: Mapping[int, Mask], pictures: Mapping[int, Picture], findings: Findings
) -> dict[int, Overlap]:
    """Decode all masks.

    Args:
        masks: By number.
        pictures: By number; a mask whose picture is not among them is passed over.
        findings: Takes what is wrong.

    Returns:
        The annotations whose parts overlap, by number.
    """
    overlaps = {}
    for number, mask in masks.items():
        picture = pictures.get(mask.image_id)
        if picture is None:
            continue
        try:
            parts = encode_parts(mask.segmentation, picture.height, picture.width)
        except (OSError, ValueError) as error:
            findings.add("malformed_mask", f"{mask.place}: {error}")
            continue
        _check_place(mask, picture, _area(parts), findings)
        overlap = measure_overlap(parts)
        if overlap is not None:
            overlaps[number] = overlap
    return overlaps


def measure_overlap(parts: list[Any]) -> Overlap | None:
    """Compare the union of parts with their sum.

    Args:
        parts: Compressed run-length encodings of one size.

    Returns:
        None where no two of them share a pixel.
    """
    union = _area(parts)
    if sum(int(coco_mask.area(part)) for part in parts) == union:
        return None
    times = coco_mask.decode(parts).sum(axis=2, dtype="int32")
    return Overlap(
        union=union,
        doubled=int((times > 1).sum()),
        inverted=int(((times > 0) & (times % 2 == 0)).sum()),
    )


def note_overlaps(
    content: Content, overlaps: Mapping[int, Overlap], findings: Findings
) -> None:
    """Count the references of a partition whose mask the REFER API gives otherwise.

    Args:
        content: The partition.
        overlaps: As :func:`check_masks` returns them.
        findings: Takes the number.
    """
    hit = [
        reference
        for reference in content.references
        if any(number in overlaps for number in reference.mask_ids)
    ]
    if not hit:
        return
    numbers = sorted({n for r in hit for n in r.mask_ids if n in overlaps})
    union = sum(overlaps[number].union for number in numbers)
    doubled = sum(overlaps[number].doubled for number in numbers)
    findings.add(
        "overlapping_parts",
        f"{content.title}: {len(hit)} of {len(content.references)} references "
        f"({sum(r.num_sentences for r in hit)} sentences); {doubled} of the "
        f"{union} pixels of their masks are covered twice and more; annotations "
        f"{', '.join(map(str, numbers[:10]))}{', ...' if len(numbers) > 10 else ''}",
        count=len(hit),
    )


def _area(parts: list[Any]) -> int:
    return int(coco_mask.area(coco_mask.merge(parts)))


def _check_place(mask: Mask, picture: Picture, area: int, findings: Findings) -> None:
    bounds = _bounds(mask.segmentation)
    size = f"height {picture.height} and width {picture.width}"
    if bounds is None:
        if not area:
            findings.add("empty_mask", mask.place)
        return
    left, top, right, bottom = bounds
    place = f"{mask.place}: x {left:g} to {right:g}, y {top:g} to {bottom:g}, {size}"
    if right <= 0 or bottom <= 0 or left >= picture.width or top >= picture.height:
        findings.add("mask_outside", place)
    elif not area:
        findings.add("empty_mask", place)
    elif (
        min(left, top) < -TOLERANCE
        or right > picture.width + TOLERANCE
        or bottom > picture.height + TOLERANCE
    ):
        findings.add("mask_cut", place)


def _bounds(segmentation: Any) -> tuple[float, float, float, float] | None:
    """Extent of polygons; None where there is a run-length encoding."""
    if isinstance(segmentation, dict) or any(isinstance(p, dict) for p in segmentation):
        return None

    def values(start: int) -> Iterable[float]:
        return chain.from_iterable(part[start::2] for part in segmentation)

    return min(values(0)), min(values(1)), max(values(0)), max(values(1))
