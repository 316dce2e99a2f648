"""RefCOCO and its relatives as they are copied on the Hugging Face hub."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from mmris.registry import DATASETS

from .base_ref_dataset import BaseRefDataset
from .blank_sentences import leave_out_blank_sentences
from .hub_rows import (
    HubColumns,
    read_image_rows,
    read_reference_rows,
    read_sample_rows,
    recognise_columns,
)
from .refer_files import TextField
from .transforms.load_image import read_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from .base_ref_dataset import Sampling

# What copies call a split that REFER gives another name.
OTHER_SPLIT_NAMES = {"val": ("validation",), "testA": ("test",)}


@DATASETS.register_module()
class HubRefDataset(BaseRefDataset):
    """A copy on the Hugging Face hub, or one that was saved on disk.

    Needs the package ``datasets``: ``pip install 'mmris[hf]'``. No code of a copy is
    ever run. Copies are known by their columns:

    * one reference a row, without pictures (``jxu124/refcoco``, ``jxu124/refcocoplus``,
      ``jxu124/refcocog``): pictures are read from ``image_dir``. Splits are asked for
      as REFER names them: what the copies of RefCOCO and RefCOCO+ call ``test`` is
      testA.
    * one picture a row (``jxu124/refcoco-benchmark``), for testing; splits such as
      ``refcoco_unc_testA``.
    * samples with redrawn masks (``moondream/refcoco-m``), ``split="val"``.

    Masks come from the annotations, never from the boxes, which one copy gives as
    corners and another as corner and size.

    Copies with masks as flat lists of coordinates (``lmms-lab/RefCOCO``) are refused,
    because the parts of an object cannot be told apart, and so are copies without
    masks.

    Args:
        path: Name on the hub, or a folder: one with the files of the hub, or one that
            ``save_to_disk`` wrote.
        split: Name of the split.
        text_field: The text of a sentence: ``sent``, cleaned, or ``raw``, as typed.
        data_root: Folder that holds the pictures.
        image_dir: Folder of the pictures below ``data_root``, or an absolute path, for
            copies without pictures.
        pipeline: See :class:`BaseRefDataset`, as for the arguments below.
        sampling: What one item is in training.
        expressions_per_image: Most expressions of an item with sampling ``image``.
        seed: Start of the random numbers.
        indices: Take only the first so many images, or those of these indices.
        test_mode: Whether items are for scoring.
        serialize_data: Keep the records as bytes that workers share.
        lazy_init: Leave the reading of annotations to the first access.

    Raises:
        ImportError: The package ``datasets`` is not installed.
        FileNotFoundError: The folder of the pictures is missing.
        ValueError: The copy cannot be loaded, has no such split, or is of a kind that
            is refused; or a row is malformed.
    """

    def __init__(  # noqa: PLR0913 every argument stands for itself, none in a **kwargs
        self,
        *,
        path: str,
        split: str,
        text_field: TextField = "sent",
        data_root: str = "data",
        image_dir: str = "images/mscoco/images/train2014",
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
        sampling: Sampling = "sentence",
        expressions_per_image: int | None = None,
        seed: int = 0,
        indices: int | Sequence[int] | None = None,
        test_mode: bool = False,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        if text_field not in get_args(TextField):
            raise ValueError(
                f"text_field is {text_field!r}; choose one of {get_args(TextField)}"
            )
        self.path = path
        self.split = split
        self.text_field = text_field
        self._pictures: Any = None
        super().__init__(
            pipeline=pipeline,
            sampling=sampling,
            expressions_per_image=expressions_per_image,
            seed=seed,
            data_root=data_root,
            data_prefix={"img_path": image_dir},
            indices=indices,
            test_mode=test_mode,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the records of the split, one an image in the order of the rows."""
        library = _import_datasets()
        rows = _load(library, self.path, self.split)
        where = f"{self.path}, split {self.split!r}"
        kind = recognise_columns(rows.column_names, where)
        words = rows.remove_columns(["image"]) if "image" in rows.column_names else rows
        if kind is HubColumns.REFERENCE:
            records = read_reference_rows(
                words, split=self.split, text_field=self.text_field, where=where
            )
            self._add_paths(records)
        else:
            if kind is HubColumns.IMAGE:
                records = read_image_rows(
                    words, text_field=self.text_field, where=where
                )
            else:
                records = read_sample_rows(words, where=where)
            pictures = rows.select_columns(["image"])
            self._pictures = pictures.cast_column("image", library.Image(decode=False))
            for record in records:
                record["img_path"] = f"{self.path}/{record.pop('file_name')}"
        for record in records:
            kept = leave_out_blank_sentences(record["references"], Path(self.path))
            record["references"] = kept
        return [record for record in records if record["references"]]

    def load_image(self, record: dict[str, Any]) -> np.ndarray | None:
        """Decode the picture of a record, where the copy has pictures.

        Args:
            record: The record.

        Returns:
            ``(H, W, 3)`` uint8 in BGR order, or None to have it read from ``img_path``.
        """
        if "row" not in record:
            return None
        cell = self._pictures[record["row"]]["image"]
        content = cell["bytes"] or Path(cell["path"]).read_bytes()
        try:
            return read_image(content, apply_exif=False)
        except ValueError as error:
            raise ValueError(f"{record['img_path']}: {error}") from None

    def _add_paths(self, records: list[dict[str, Any]]) -> None:
        folder = Path(self.data_prefix["img_path"])
        if not folder.is_dir():
            raise FileNotFoundError(
                f"no folder of images {folder}: {self.path} has no pictures. Set "
                "'image_dir' of the dataset to the folder of COCO's train2014, "
                f"absolute or below data_root={self.data_root!r}"
            )
        for record in records:
            record["img_path"] = str(folder / Path(record.pop("file_name")).name)


def _import_datasets() -> Any:
    try:
        return import_module("datasets")
    except ImportError:
        raise ImportError(
            "HubRefDataset needs the package datasets, which is not installed. Run: "
            "pip install 'mmris[hf]'"
        ) from None


def _load(library: Any, path: str, split: str) -> Any:
    """The rows of a split."""
    saved = [Path(path) / name for name in ("dataset_dict.json", "state.json")]
    try:
        if any(file.is_file() for file in saved):
            content = library.load_from_disk(path)
            found = dict(content) if isinstance(content, dict) else {split: content}
            names = list(found)
        else:
            found = None
            names = library.get_dataset_split_names(path)
    except Exception as error:  # of the network, the hub, Arrow and the file system
        raise _no_copy(path, error) from None
    name = next(
        (n for n in (split, *OTHER_SPLIT_NAMES.get(split, ())) if n in names), ""
    )
    if not name:
        raise ValueError(
            f"{path} has no split {split!r}; it has {sorted(names)}. Set 'split' of "
            "the dataset to one of them"
        )
    if found is not None:
        return found[name]
    try:
        return library.load_dataset(path, split=name)
    except Exception as error:  # as above
        raise _no_copy(path, error) from None


def _no_copy(path: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:200]
    return ValueError(
        f"{path} cannot be loaded as a dataset of the Hugging Face hub: "
        f"{type(error).__name__}: {reason}. Check its name, the network and "
        "HF_HUB_OFFLINE, or give a folder"
    )
