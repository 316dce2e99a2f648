"""Reads configurations and gives them another dataset.

A method and a dataset are two files, so that M methods and D datasets need M + D files.
Putting them together replaces the dataset dicts: a merge would keep keys that only the
dataset before knew.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.config import ConfigDict

from .config_file import read_config_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mmengine.config import Config

SPLITS = ("train", "val", "test")
# What a method decides about its data, whichever dataset it trains on.
METHOD_KEYS = ("pipeline", "sampling", "expressions_per_image")
# Wrappers that hand these on to their datasets themselves.
HAND_ON = ("MixedRefDataset",)
# The dataset file behind a user's annotations, and the endings of those.
OWN_DATA = "own_data"
ANNOTATION_ENDINGS = (".json", ".jsonl")

# In a clone mmris/.mim has links to the folders of the top level, in a wheel the files.
PACKAGE_CONFIGS = (Path(__file__).parents[1] / ".mim" / "configs").resolve()


def load_config(path: str | Path) -> Config:
    """Read a configuration file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: No such file; the message names files with a similar name.
        ValueError: Its ``custom_imports`` is no dict of the right keys.
        ImportError: A module of ``custom_imports`` cannot be imported.
    """
    file = Path(path)
    if not file.is_file():
        names = {entry.name: entry for entry in PACKAGE_CONFIGS.rglob("*.py")}
        close = difflib.get_close_matches(file.name, names, n=3)
        hint = " or ".join(str(names[name]) for name in close)
        raise FileNotFoundError(
            f"no config file {str(path)!r}"
            + (f"; did you mean {hint}?" if hint else "; see the folder configs/")
        )
    return read_config_file(file)


def dataset_places(
    dataset: dict[str, Any], path: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The dataset dicts inside wrappers, each with its dotted key.

    Args:
        dataset: Configuration of a dataset.
        path: Its dotted key.
    """
    # Some datasets have arguments of these names that are no dicts.
    parts = dataset.get("datasets")
    if isinstance(parts, list | tuple) and all(isinstance(p, dict) for p in parts):
        for number, part in enumerate(parts):
            yield from dataset_places(part, f"{path}.datasets.{number}")
    elif isinstance(dataset.get("dataset"), dict):
        yield from dataset_places(dataset["dataset"], f"{path}.dataset")
    else:
        yield path, dataset


def dataset_leaves(dataset: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The dataset dicts inside wrappers such as a concatenation, or the dict itself.

    Args:
        dataset: Configuration of a dataset.
    """
    for _, leaf in dataset_places(dataset, "dataset"):
        yield leaf


def dataset_heads(dataset: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The dataset dicts that take what a method decides (:data:`METHOD_KEYS`).

    Args:
        dataset: Configuration of a dataset, or of a wrapper of datasets.
    """
    if dataset.get("type") in HAND_ON:
        yield dataset
        return
    # Wrappers of wrappers are no use to anybody, but a mixture may be repeated.
    inner = dataset.get("dataset")
    if isinstance(inner, dict):
        yield from dataset_heads(inner)
    else:
        yield from dataset_leaves(dataset)


def load_dataset_file(name: str, config_file: str | None = None) -> Config:
    """Read a dataset file.

    Args:
        name: A file of ``_base_/datasets`` without its ending, or the path of one.
        config_file: A config beside or above which there may be such a folder.

    Raises:
        FileNotFoundError: No such dataset; the message lists those that exist.
    """
    return read_config_file(_find_dataset(name, _dataset_folders(config_file)))


def switch_dataset(cfg: Config, name: str) -> None:
    """Replace the data of a configuration by those of another dataset.

    Dataset dicts and evaluators are replaced whole. Pipelines, the way of sampling and
    whatever stands beside the dataset in a data loader (batch size, workers, sampler)
    belong to the method and stay.

    Args:
        cfg: Configuration of a method, changed in place.
        name: A file of ``_base_/datasets`` without its ending, the path of such a file,
            or the path of a user's annotations (``.json``, ``.jsonl``), which take the
            place of those in ``own_data``.

    Raises:
        FileNotFoundError: No such dataset; the message lists those that exist.
        ValueError: The file lacks a split that the configuration uses.
    """
    annotations = Path(name) if name.endswith(ANNOTATION_ENDINGS) else None
    if annotations is not None and not annotations.is_file():
        raise FileNotFoundError(
            f"no annotation file {name!r} (--dataset). Give the path of a .json or "
            ".jsonl file from here, or the name of a dataset of configs/_base_/datasets"
        )
    wanted = OWN_DATA if annotations is not None else name
    path = _find_dataset(wanted, _dataset_folders(cfg.filename))
    source = read_config_file(path)
    for split in SPLITS:
        loader = cfg.get(f"{split}_dataloader")
        if loader is None:
            continue
        if source.get(f"{split}_dataloader") is None:
            raise ValueError(
                f"{path} has no {split}_dataloader, but {cfg.filename} uses one. Add "
                f"it there, or remove {split}_dataloader from the config"
            )
        kept = next(dataset_heads(loader["dataset"]))
        dataset = ConfigDict(source[f"{split}_dataloader"]["dataset"])
        if annotations is not None:
            for leaf in dataset_leaves(dataset):
                leaf.update(
                    data_root=str(annotations.parent), ann_file=annotations.name
                )
        for head in dataset_heads(dataset):
            head.update({key: kept[key] for key in METHOD_KEYS if key in kept})
        loader["dataset"] = dataset
        if source.get(f"{split}_evaluator") is not None:
            cfg[f"{split}_evaluator"] = source[f"{split}_evaluator"]


def base_folders(config_file: str | None) -> list[Path]:
    """The folders ``_base_`` that a config may take its parts from.

    Args:
        config_file: The config, None if it is no file.

    Returns:
        Those beside the config and above it, the nearest first, then that of mmris.
    """
    parents = Path(config_file).resolve().parents if config_file else []
    folders = [parent / "_base_" for parent in parents]
    folders.append(PACKAGE_CONFIGS / "_base_")
    return [folder for folder in folders if folder.is_dir()]


def _dataset_folders(config_file: str | None) -> list[Path]:
    """Folders of dataset files, those beside the config first."""
    folders = [folder / "datasets" for folder in base_folders(config_file)]
    return [folder for folder in folders if folder.is_dir()]


def _find_dataset(name: str, folders: Sequence[Path]) -> Path:
    candidates = [Path(name)] if name.endswith(".py") else []
    candidates += [folder / f"{name}.py" for folder in folders]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    known = sorted({file.stem for folder in folders for file in folder.glob("*.py")})
    raise FileNotFoundError(
        f"no dataset {name!r}; choose one of {', '.join(known)}, or give the path of a "
        "file like those in configs/_base_/datasets"
    )
