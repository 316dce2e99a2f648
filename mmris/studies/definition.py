"""What a study compares: a JSON file with rows, seeds and a budget for all."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmris.utils.config import load_config
from mmris.utils.config_options import shorten_schedule
from mmris.utils.model_index import DATASETS
from mmris.utils.tiny_config import make_tiny

# In place of the last part of a key: one more entry for the list there.
_ONE_MORE = "+"
_OPTIONAL = {"changes", "parts", "paper", "grid", "image_size"}
_DATALOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
_STUDY_KEYS = {"title", "iterations", "seeds", "splits", "rows", *_OPTIONAL}
_ROW_KEYS = {"name", "config", "tiny", "parts", "changes", "against"}


@dataclass(frozen=True)
class Row:
    """One thing that is compared.

    Attributes:
        name: Of the row, in tables.
        config: Path of its config, from the folder of the study's file or the current.
        tiny: Whether to make the config small first, as ``--tiny`` does.
        changes: Values by dotted key; a key that ends in ".+" adds to a list. A dict
            takes the place of what was there, it is not merged into it; None takes a
            part out.
        against: Name of the row that it shall be better than, or None.
        as_published: Whether only what the study changes for all rows is changed.
    """

    name: str
    config: str
    tiny: bool
    changes: dict[str, Any]
    against: str | None
    as_published: bool = False


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        title: What it asks.
        iterations: Of every run; schedules are stretched to it.
        seeds: Of every row.
        splits: That every run is scored on.
        rows: What is compared.
        paper: The dataset of which papers print numbers for rows, as the metafiles name
            it; None for none.
        grid: What stands between the two halves of all names, such as ``" + "``, if
            rows are every one of some with every one of others; None if they are not.
        image_size: (height, width) in pixels of the generated scenes and of what models
            are given, instead of the sizes of the configs; None leaves those.
    """

    title: str
    iterations: int
    seeds: tuple[int, ...]
    splits: tuple[str, ...]
    rows: tuple[Row, ...]
    paper: str | None = None
    grid: str | None = None
    image_size: tuple[int, int] | None = None

    def row(self, name: str) -> Row:
        """The row of a name.

        Args:
            name: Its name.

        Raises:
            ValueError: There is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise ValueError(
            f"the study has no row {name!r}; it has "
            f"{', '.join(repr(row.name) for row in self.rows)}"
        )


def read_study(path: str | Path) -> Study:
    """Read a study.

    Args:
        path: Its file.

    Raises:
        FileNotFoundError: No such file.
        ValueError: A key is unknown or missing, or a value makes no sense.
    """
    file = Path(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is no JSON: {error}. Correct it") from None
    _check_keys(content, _STUDY_KEYS, _OPTIONAL, f"{file}")
    rows = [
        _read_row(entry, content, file, f"{file}, rows[{number}]")
        for number, entry in enumerate(content["rows"])
    ]
    study = Study(
        content["title"],
        content["iterations"],
        tuple(content["seeds"]),
        tuple(content["splits"]),
        tuple(rows),
        content.get("paper"),
        content.get("grid"),
        _read_size(content.get("image_size"), file),
    )
    _check(study, file)
    _check_tables(study, file)
    return study


def _read_row(entry: Any, content: dict[str, Any], file: Path, place: str) -> Row:
    _check_keys(entry, _ROW_KEYS, _ROW_KEYS - {"name", "config"}, place)
    config = Path(entry["config"])
    beside = file.parent / config
    changes = dict(content.get("changes", {}))
    parts = content.get("parts", {})
    for name in entry.get("parts", []):
        if name not in parts:
            raise ValueError(
                f"{place} has the part {name!r}; parts of the study are "
                f"{', '.join(map(repr, parts)) or 'none'}"
            )
        changes |= parts[name]
    return Row(
        entry["name"],
        str(beside if beside.is_file() else config),
        bool(entry.get("tiny", False)),
        changes | entry.get("changes", {}),
        entry.get("against"),
        as_published=not entry.get("changes") and not entry.get("parts"),
    )


def _read_size(value: Any, file: Path) -> tuple[int, int] | None:
    if value is None:
        return None
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(type(side) is int and side > 0 for side in value)
    ):
        raise ValueError(
            f"{file}: image_size is {value!r}; give [height, width] in pixels"
        )
    return value[0], value[1]


def _check_keys(content: Any, known: set[str], optional: set[str], place: str) -> None:
    if not isinstance(content, dict):
        raise ValueError(f"{place} is {content!r}; expected an object")
    for key in content:
        if key not in known:
            raise ValueError(
                f"{place} has the key {key!r}; known are {', '.join(sorted(known))}"
            )
    for key in sorted(known - optional - set(content)):
        raise ValueError(f"{place} has no {key!r}; add it")


def _check(study: Study, file: Path) -> None:
    names = [row.name for row in study.rows]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{file}: {sorted(twice)} names two rows; name each anew")
    for row in study.rows:
        if row.against is not None and row.against not in names:
            raise ValueError(
                f"{file}: row {row.name!r} is against {row.against!r}, which is no row"
            )
    for key, values in (
        ("iterations", [study.iterations]),
        ("seeds", study.seeds),
    ):
        if not values or not all(type(value) is int and value >= 0 for value in values):
            raise ValueError(f"{file}: {key} is {values!r}; give whole numbers")
    if not study.splits or not names:
        raise ValueError(f"{file} has no splits or no rows; name one of each at least")


def _check_tables(study: Study, file: Path) -> None:
    if study.grid is not None:
        for row in study.rows:
            if study.grid not in row.name:
                raise ValueError(
                    f"{file}: grid is {study.grid!r}, which the name of row "
                    f"{row.name!r} has not between two halves"
                )
    if study.paper is not None and study.paper not in DATASETS:
        raise ValueError(
            f"{file}: paper is {study.paper!r}; papers have numbers of "
            f"{', '.join(map(repr, DATASETS))}"
        )


def row_config(study: Study, row: Row) -> Config:
    """The config that a row is trained with.

    Args:
        study: The study.
        row: One of its rows.

    Raises:
        ValueError: A change leads nowhere.
    """
    config = load_config(row.config)
    if row.tiny:
        make_tiny(config)
    if study.image_size is not None:
        _set_image_size(config, study.image_size, row)
    for key, value in row.changes.items():
        _replace(config, key, value, row)
    shorten_schedule(config, study.iterations)
    return config


def _set_image_size(config: Config, size: tuple[int, int], row: Row) -> None:
    for key in _DATALOADERS:
        dataset = config[key].dataset
        if "image_size" not in dataset:
            raise ValueError(
                f"row {row.name!r}: the study has an image_size, and {key}.dataset of "
                f"{row.config} has none, being no generated scenes; leave it out"
            )
        dataset.image_size = size
        for transform in dataset.pipeline:
            if transform["type"] == "RefResize":
                transform["size"] = size


def _replace(config: Config, key: str, value: Any, row: Row) -> None:
    *places, last = key.split(".")
    target: Any = config
    for place in places:
        target = target.get(place) if isinstance(target, dict | Config) else None
    if last == _ONE_MORE and isinstance(target, list):
        target.append(copy.deepcopy(value))
        return
    if last == _ONE_MORE or not isinstance(target, dict | Config):
        raise ValueError(
            f"row {row.name!r}: {key!r} leads nowhere in {row.config}; correct the key"
        )
    if value is None and last in target:
        target.pop(last)
    else:
        target[last] = copy.deepcopy(value)
