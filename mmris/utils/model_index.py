"""Reads what ``model-index.yml`` and the methods' metafiles say of each config."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmengine.fileio import load

from .config import PACKAGE_CONFIGS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SOURCES = ("paper", "ours")
# How results name a dataset, and the file of configs/_base_/datasets that has it.
DATASETS: dict[str, str | None] = {
    "RefCOCO (unc)": "refcoco",
    "RefCOCO+ (unc)": "refcoco_plus",
    "RefCOCOg (google)": "refcocog_google",
    "RefCOCOg (umd)": "refcocog",
    "ReferIt": None,
    "generated scenes": "shapes",
}


@dataclass(frozen=True)
class Score:
    """One number.

    Attributes:
        metric: Its name, such as ``oIoU``.
        split: Of the dataset.
        value: In percent.
    """

    metric: str
    split: str
    value: float


@dataclass(frozen=True)
class Result:
    """What a model reaches on a dataset.

    Attributes:
        dataset: One of :data:`DATASETS`.
        source: ``"paper"``, or ``"ours"`` if it was measured with mmris.
        scores: The numbers.
        table: Where the paper prints them, such as ``"Table 2, row 3"``.
        command: What they were measured with.
    """

    dataset: str
    source: str
    scores: tuple[Score, ...]
    table: str
    command: str


@dataclass(frozen=True)
class Weights:
    """Where trained weights are.

    Attributes:
        address: A path or an address.
        sha256: Checksum of the file.
    """

    address: str
    sha256: str


@dataclass(frozen=True)
class IndexedModel:
    """A config with its results.

    Attributes:
        name: The config's name.
        method: Its method.
        config: The config's path.
        results: None if nobody has published or measured any.
        weights: Trained ones; None if there are none.
    """

    name: str
    method: str
    config: Path
    results: tuple[Result, ...]
    weights: Weights | None = None

    @property
    def headline(self) -> str:
        """The first line of the config, without the method in front."""
        with self.config.open(encoding="utf-8") as file:
            line = file.readline().lstrip("# ").strip().rstrip(".:")
        return line.removeprefix(f"{self.method}: ")


def read_model_index(root: Path | None = None) -> list[IndexedModel]:
    """Read all metafiles.

    Args:
        root: The folder with ``model-index.yml``; None for mmris's own.

    Returns:
        The models in the order of the files.

    Raises:
        ValueError: A metafile says something that is not understood.
    """
    root = PACKAGE_CONFIGS.parent if root is None else root
    index = _load(root / "model-index.yml")
    models = []
    for imported in index["Import"]:
        file = root / imported
        for entry in _load(file)["Models"]:
            results = tuple(
                _result(result, f"{file}, {entry['Name']}")
                for result in entry["Results"]
            )
            method, config = entry["In Collection"], root / entry["Config"]
            weights = _weights(entry, root, f"{file}, {entry['Name']}")
            models.append(IndexedModel(entry["Name"], method, config, results, weights))
    return models


def find_model(name: str, models: Sequence[IndexedModel]) -> IndexedModel:
    """The model of a name that has trained weights.

    Args:
        name: Its name.
        models: All.

    Raises:
        ValueError: There is none, or it has no weights; the message names those that
            have.
    """
    known = {model.name: model for model in models}
    trained = [model.name for model in models if model.weights is not None]
    offer = f"{', '.join(trained) or 'none yet'} (model)"
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else "."
        raise ValueError(
            f"there is no model {name!r:.80}{hint} With trained weights: {offer}; "
            "all: 'mmris models'"
        )
    if known[name].weights is None:
        raise ValueError(
            f"the model {name} has no trained weights. Train it ('mmris train "
            f"{known[name].config}') and give the checkpoint; with weights: {offer}"
        )
    return known[name]


def _weights(entry: dict[str, Any], root: Path, where: str) -> Weights | None:
    address, sha256 = entry.get("Weights"), entry.get("SHA256")
    if address is None:
        return None
    if not isinstance(sha256, str):
        raise ValueError(f"{where}: Weights need SHA256, the checksum of the file")
    if "://" not in address:
        address = str(root / address)
    return Weights(address, sha256)


def _load(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = load(str(file))
    return content


def _result(entry: dict[str, Any], where: str) -> Result:
    dataset, source = entry["Dataset"], entry["Source"]
    if dataset not in DATASETS:
        raise ValueError(
            f"{where}: no dataset is called {dataset!r}; write one of "
            f"{', '.join(DATASETS)}"
        )
    if source not in SOURCES:
        raise ValueError(
            f"{where}: Source is {source!r}; write {' or '.join(map(repr, SOURCES))}"
        )
    evidence = "Table" if source == "paper" else "Command"
    if evidence not in entry:
        raise ValueError(
            f"{where}: numbers of source {source!r} on {dataset} need {evidence!r}, "
            "where they come from"
        )
    scores = []
    for key, value in entry["Metrics"].items():
        metric, _, split = key.rpartition(" ")
        if not metric:
            raise ValueError(
                f"{where}: Metrics has {key!r}; write the split behind it, '{key} val'"
            )
        scores.append(Score(metric, split, float(value)))
    return Result(
        dataset=dataset,
        source=source,
        scores=tuple(scores),
        table=str(entry.get("Table", "")),
        command=str(entry.get("Command", "")),
    )
