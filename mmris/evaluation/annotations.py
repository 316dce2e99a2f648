"""Finds the truth that predictions are scored against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.registry import init_default_scope

from mmris.datasets import JsonRefDataset, ReferDataset
from mmris.datasets.refer_files import list_partitions
from mmris.registry import DATASETS
from mmris.utils.config import load_config
from mmris.utils.config_options import select_split

if TYPE_CHECKING:
    from mmris.datasets import BaseRefDataset


def open_annotations(
    path: str | Path, *, split: str | None = None, partition: str | None = None
) -> BaseRefDataset:
    """Open the annotations of a split.

    Args:
        path: One of a config, or a file of ``configs/_base_/datasets``, whose test
            dataset is taken; a user's list, ``.json`` or ``.jsonl``; a folder in the
            layout of REFER, such as ``data/refcoco`` or ``data/grefcoco``.
        split: The split; None takes the one of the config, or the whole list.
        partition: For folders, who split the data; None where there is one only.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: The split, or one of several partitions, is not said.
    """
    path = Path(path)
    if path.suffix == ".py":
        return _of_config(path, split)
    if path.is_dir():
        return _of_folder(path, split, partition)
    if not path.is_file():
        raise FileNotFoundError(
            f"no annotations {str(path)!r}; give a config or a file of "
            "configs/_base_/datasets, a list of your own (.json, .jsonl) or a folder "
            "with instances.json"
        )
    return JsonRefDataset(
        ann_file=path.name, data_root=str(path.parent), split=split, test_mode=True
    )


def category_names(dataset: BaseRefDataset) -> dict[int, str]:
    """Names of categories by number, as far as the dataset has any.

    Args:
        dataset: An opened dataset.
    """
    if isinstance(dataset, JsonRefDataset):
        return {number: name for name, number in dataset.categories.items()}
    if isinstance(dataset, ReferDataset):
        with Path(dataset.ann_file).open(encoding="utf-8") as file:
            entries = json.load(file).get("categories", [])
        return {entry["id"]: entry["name"] for entry in entries}
    return {}


def _of_config(path: Path, split: str | None) -> BaseRefDataset:
    cfg = load_config(path)
    if cfg.get("test_dataloader") is None:
        raise ValueError(
            f"{path} has no test_dataloader, so no annotations to score by"
        )
    if split is not None:
        select_split(cfg, split)
    init_default_scope(cfg.get("default_scope", "mmris"))
    # No picture is loaded through it, so nothing of the pipeline is built.
    settings = {**cfg.test_dataloader.dataset, "pipeline": []}
    dataset: BaseRefDataset = DATASETS.build(settings)
    return dataset


def _of_folder(path: Path, split: str | None, partition: str | None) -> BaseRefDataset:
    found = list_partitions(path)
    if not found:
        raise FileNotFoundError(
            f"{path} has no refs(...).p, refs(...).json or grefs(...).json; give the "
            "folder that has them, or for other layouts a file of "
            "configs/_base_/datasets"
        )
    if partition is None and len(found) == 1:
        partition = found[0]
    if partition is None:
        raise ValueError(
            f"{path} has the partitions {found}; say which with --partition, and the "
            "split with --split"
        )
    if split is None:
        raise ValueError(f"{path} has several splits; say which with --split")
    # Pictures are not needed to score: where there are none, this folder stands in.
    pictures = path.absolute().parent / "images" / "mscoco" / "images" / "train2014"
    return ReferDataset(
        dataset=path.name,
        partition=partition,
        split=split,
        data_root=str(path.parent),
        image_dir=str(pictures if pictures.is_dir() else path.absolute()),
        test_mode=True,
    )
