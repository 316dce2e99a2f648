"""RefCOCO, RefCOCO+, RefCOCOg, gRefCOCO, RefCLEF and all else in REFER's layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmris.registry import DATASETS

from .base_ref_dataset import BaseRefDataset
from .image_keys import SAIAPR
from .index_files import IndexSource
from .nearby_files import find_one_level_off, what_lies_at
from .refer_files import TextField, find_references, read_refer_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .base_ref_dataset import Sampling


# Datasets on IAPR TC-12's pictures, whose files are named by their number.
SAIAPR_FOLDERS = ("refclef",)


@DATASETS.register_module()
class ReferDataset(BaseRefDataset):
    """A data set on disk in the layout of REFER, read as it was published.

    The files are::

        <data_root>/<dataset>/instances.json
        <data_root>/<dataset>/refs(<partition>).p    or refs(<partition>).json
                                                     or grefs(<partition>).json
        <data_root>/<image_dir>/<file_name of instances.json>

    Pickles are read by :func:`load_plain_pickle`, which runs nothing of them. The
    choice of ``text_field`` changes scores slightly: state it with results.

    A reference may mean several objects, or nothing in the picture (gRefCOCO): its mask
    is the union of them, or empty.

    Args:
        dataset: Name of the folder: ``refcoco``, ``refcoco+``, ``refcocog``,
            ``grefcoco``, ``refclef``, ``rrsisd`` or any other.
        partition: Who split the data: ``unc`` for RefCOCO, RefCOCO+, gRefCOCO and
            RRSIS-D, ``google`` or ``umd`` for RefCOCOg, ``unc`` or ``berkeley`` for
            RefCLEF. Two partitions share objects: never train on one and test on the
            other.
        split: ``train``, ``val``, ``testA`` and ``testB`` (unc; RefCLEF also
            ``testC``), ``test`` (umd). On unc ``test`` takes testA and testB together.
        data_root: Folder that holds the data sets and the images.
        image_dir: Folder of the pictures below ``data_root``, or an absolute path.
            Those of RefCLEF are in ``images/saiapr_tc-12``, those of RRSIS-D in
            ``images/rrsisd/JPEGImages``.
        text_field: The text of a sentence: ``sent``, cleaned (lower case, no
            punctuation), or ``raw``, as typed.
        pipeline: See :class:`BaseRefDataset`, as for the arguments below.
        sampling: What one item is in training.
        expressions_per_image: Most expressions of an item with sampling ``image``.
        seed: Start of the random numbers.
        indices: Take only the first so many images, or those of these indices.
        test_mode: Whether items are for scoring.
        serialize_data: Keep the records as bytes that workers share.
        lazy_init: Leave the reading of annotations to the first access.

    Raises:
        FileNotFoundError: A file or folder of the layout is missing.
        ValueError: A file is malformed, or has no such split.
    """

    def __init__(  # noqa: PLR0913 every argument stands for itself, none in a **kwargs
        self,
        *,
        dataset: str,
        partition: str,
        split: str,
        data_root: str = "data",
        image_dir: str = "images/mscoco/images/train2014",
        text_field: TextField = "sent",
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
        sampling: Sampling = "sentence",
        expressions_per_image: int | None = None,
        seed: int = 0,
        indices: int | Sequence[int] | None = None,
        test_mode: bool = False,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        self.dataset = dataset
        self.partition = partition
        self.split = split
        self.text_field = text_field
        super().__init__(
            pipeline=pipeline,
            sampling=sampling,
            expressions_per_image=expressions_per_image,
            seed=seed,
            ann_file=f"{dataset}/instances.json",
            data_root=data_root,
            data_prefix={"img_path": image_dir},
            indices=indices,
            test_mode=test_mode,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the records of the split, one an image."""
        image_folder = Path(self.data_prefix["img_path"])
        annotations = Path(self.ann_file)
        if not annotations.is_file():
            raise FileNotFoundError(
                f"no file {annotations}: {what_lies_at(annotations.parent)}. "
                f"{self._advice()}"
            )
        records = read_refer_records(
            annotations.parent,
            partition=self.partition,
            split=self.split,
            text_field=self.text_field,
        )
        if not image_folder.is_dir():
            raise self._no_image_folder(image_folder, records[0]["file_name"])
        for record in records:
            stem = Path(record["file_name"]).stem
            if self.dataset in SAIAPR_FOLDERS and stem.isdecimal():
                record["image_keys"] = [(SAIAPR, int(stem))]
        return records

    def index_source(self) -> IndexSource | None:
        """The two files of the partition, with dataset, split and text."""
        folder = Path(self.ann_file).parent
        instances = folder / "instances.json"
        if not instances.is_file() or not Path(self.data_prefix["img_path"]).is_dir():
            return None
        return IndexSource(
            files=(find_references(folder, self.partition), instances),
            options={
                "dataset": self.dataset,
                "split": self.split,
                "text_field": self.text_field,
            },
        )

    def _no_image_folder(self, folder: Path, file_name: str) -> FileNotFoundError:
        other = find_one_level_off(folder, file_name)
        advice = (
            f"The pictures lie one level off: set image_dir={str(other.parent)!r}"
            if other is not None
            else "Set 'image_dir' of the dataset to the folder of the pictures, "
            f"absolute or below data_root={self.data_root!r}"
        )
        return FileNotFoundError(
            f"no folder of images {folder}: {what_lies_at(folder)}. {advice}"
        )

    def _advice(self) -> str:
        root = Path(self.data_root)
        folders = sorted(root.iterdir()) if root.is_dir() else []
        for other in [root.absolute().parent, *folders]:
            if (other / self.dataset / "instances.json").is_file():
                return f"It lies one level off: set data_root={str(other)!r}"
        return (
            f"Expected are {self.dataset}/instances.json, "
            f"{self.dataset}/refs({self.partition}).p and "
            f"images/mscoco/images/train2014/*.jpg below data_root={self.data_root!r}; "
            "set 'data_root' of the dataset"
        )
