"""ReferIt as papers on referring segmentation use it: regions of IAPR TC-12."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmris.registry import DATASETS

from .annotation_checks import read_annotation_file
from .base_ref_dataset import BaseRefDataset
from .blank_sentences import leave_out_blank_sentences
from .image_keys import SAIAPR
from .masks import MAT_FILE
from .nearby_files import what_lies_at
from .picture_headers import read_picture_header
from .short_repr import short_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .base_ref_dataset import Sampling
    from .image_keys import ImageKey

# Pictures that the release names and does not have.
MISSING_PICTURES = frozenset([19579, 17975, 19575])
# Ids of references are the picture's number times this, plus the region's; those of
# sentences go on in the same way.
REGIONS_PER_PICTURE = 10_000
SENTENCES_PER_REGION = 1_000

_REGION = re.compile(r"(\d{1,9})_(\d{1,4})")


@DATASETS.register_module()
class ReferItDataset(BaseRefDataset):
    """ReferIt in the packaging of the TF-phrasecut release, which CMPC and others use.

    The files are::

        <data_root>/referit_query_<split>.json   {"30993_2": ["tallest bldng", ...]}
        <data_root>/<image_dir>/30993.jpg
        <data_root>/<mask_dir>/30993_2.mat       an array segimg_t, 0 on the region

    RefCLEF is another, cleaned packaging of the same pictures and sentences, with other
    splits: scores on the two do not compare. Sentences are as typed. Masks are read
    when an item asks for them, the sizes of pictures at the start.

    The pictures 17975, 19575 and 19579 are named in the release and missing from it;
    they are left out.

    Args:
        split: ``trainval``, which papers train on, ``test``, or its parts ``train`` and
            ``val``.
        data_root: Folder that holds the query files; if they are not there, they are
            looked for in ``data_root/referit``.
        image_dir: Folder of the pictures below ``data_root``, or an absolute path.
        mask_dir: Folder of the masks below ``data_root``, or an absolute path.
        pipeline: See :class:`BaseRefDataset`, as for the arguments below.
        sampling: What one item is in training.
        expressions_per_image: Most expressions of an item with sampling ``image``.
        seed: Start of the random numbers.
        indices: Take only the first so many images, or those of these indices.
        test_mode: Whether items are for scoring.
        serialize_data: Keep the records as bytes that workers share.
        lazy_init: Leave the reading of annotations to the first access.

    Raises:
        FileNotFoundError: The query file of the split or a picture is missing.
        ValueError: The query file is malformed.
    """

    def __init__(
        self,
        *,
        split: str,
        data_root: str = "data",
        image_dir: str = "referit/images",
        mask_dir: str = "referit/mask",
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
        sampling: Sampling = "sentence",
        expressions_per_image: int | None = None,
        seed: int = 0,
        indices: int | Sequence[int] | None = None,
        test_mode: bool = False,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        self.split = split
        super().__init__(
            pipeline=pipeline,
            sampling=sampling,
            expressions_per_image=expressions_per_image,
            seed=seed,
            ann_file=f"referit_query_{split}.json",
            data_root=data_root,
            data_prefix={"img_path": image_dir, "mask_path": mask_dir},
            indices=indices,
            test_mode=test_mode,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the records of the split, one an image in the order of the file."""
        path = self._query_file()
        regions: dict[int, list[dict[str, Any]]] = {}
        for image_id, reference in _read_regions(path):
            if image_id not in MISSING_PICTURES:
                regions.setdefault(image_id, []).append(reference)
        kept = leave_out_blank_sentences([r for g in regions.values() for r in g], path)
        if not kept:
            raise ValueError(f"{path}: no region has a sentence")
        return [
            self._record(image_id, references)
            for image_id, group in regions.items()
            if (references := [entry for entry in group if entry["sentences"]])
        ]

    def annotated_pictures(self) -> list[tuple[ImageKey, ...]]:
        """Names of the pictures in the query file, without opening any of them."""
        regions = _read_regions(self._query_file())
        numbers = dict.fromkeys(image_id for image_id, _ in regions)
        return [((SAIAPR, image_id),) for image_id in numbers]

    def _record(
        self, image_id: int, references: list[dict[str, Any]]
    ) -> dict[str, Any]:
        images = Path(self.data_prefix["img_path"])
        masks = Path(self.data_prefix["mask_path"])
        header = read_picture_header(images, f"{image_id}.jpg")
        for reference in references:
            name = f"{image_id}_{reference['ann_ids'][0] % REGIONS_PER_PICTURE}.mat"
            reference["segmentations"] = [{MAT_FILE: str(masks / name)}]
        return {
            "image_id": image_id,
            "img_path": str(images / f"{image_id}.jpg"),
            "image_keys": [(SAIAPR, image_id)],
            "height": header.height,
            "width": header.width,
            "references": references,
        }

    def _query_file(self) -> Path:
        path = Path(self.ann_file)
        folders = [path.parent, path.parent / "referit"]
        for folder in folders:
            if (folder / path.name).is_file():
                return folder / path.name
        found = sorted(
            file.stem.removeprefix("referit_query_")
            for folder in folders
            for file in folder.glob("referit_query_*.json")
        )
        if found:
            raise FileNotFoundError(
                f"no file {path}; splits there: {found}. Set 'split' of the dataset to "
                "one of them"
            )
        raise FileNotFoundError(
            f"no file {path}: {what_lies_at(path.parent)}. Set 'data_root' of the "
            f"dataset, now {self.data_root!r}, to the folder of referit_query_*.json"
        )


def _read_regions(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """References of a query file, each with the number of its picture."""
    content = read_annotation_file(path)
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; expected a dictionary of "
            "regions and their sentences"
        )
    seen: dict[int, str] = {}
    regions = []
    for name, sentences in content.items():
        match = _REGION.fullmatch(name)
        if match is None:
            raise ValueError(
                f"{path}: {short_repr(name)} names no region; expected "
                "picture_region, such "
                "as '30993_2'"
            )
        if not isinstance(sentences, list) or any(
            not isinstance(text, str) for text in sentences
        ):
            raise ValueError(
                f"{path}: region {name!r} has {short_repr(sentences)}; expected a "
                "list of "
                "sentences"
            )
        if len(sentences) > SENTENCES_PER_REGION:
            raise ValueError(
                f"{path}: region {name!r} has {len(sentences)} sentences; at most "
                f"{SENTENCES_PER_REGION} can be numbered"
            )
        image_id = int(match[1])
        number = image_id * REGIONS_PER_PICTURE + int(match[2])
        # "30993_2" and "30993_02" are the same region.
        if seen.setdefault(number, name) != name:
            raise ValueError(f"{path}: region {name!r} stands twice")
        regions.append((image_id, _reference(number, sentences)))
    return regions


def _reference(number: int, sentences: list[str]) -> dict[str, Any]:
    first = number * SENTENCES_PER_REGION
    return {
        "ref_id": number,
        "ann_ids": [number],
        "category_id": -1,
        "sentences": [
            {"sent_id": first + position, "text": text, "kind": ""}
            for position, text in enumerate(sentences)
        ],
    }
