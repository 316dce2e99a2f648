"""Which training pictures of a config are pictures that it is tested on.

Only annotation files are read.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmris.datasets import MixedRefDataset, ReferDataset
from mmris.datasets.annotation_checks import read_annotation_file
from mmris.datasets.doctor.refer_content import partition_files
from mmris.datasets.picture_sets import PictureSet, keys_of, title_of
from mmris.registry import DATASETS
from mmris.utils.config import dataset_leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mmris.datasets.image_keys import ImageKey

# Arguments that have no say in which pictures a dataset shows.
_OF_NO_MATTER = (
    "expressions_per_image",
    "lazy_init",
    "pipeline",
    "sampling",
    "seed",
    "serialize_data",
    "test_mode",
)
_INNER = ("dataset", "datasets", "held_out")


@dataclass(frozen=True)
class Overlap:
    """Pictures that a training set and an evaluation set have in common.

    Args:
        train: The training set.
        evaluation: The evaluation set.
        shared: Names of the pictures, such as ``("coco", 9)``.
    """

    train: PictureSet
    evaluation: PictureSet
    shared: tuple[ImageKey, ...]


def find_overlaps(
    train: Sequence[PictureSet], evaluation: Sequence[PictureSet]
) -> list[Overlap]:
    """Compare all training sets with all evaluation sets.

    Args:
        train: Training sets.
        evaluation: Evaluation sets.

    Returns:
        Each pair, also those that share nothing; evaluation sets outside.
    """
    return [
        Overlap(own, other, tuple(other.shared_with(own)))
        for other in evaluation
        for own in train
    ]


def training_sets(dataset: Any) -> list[PictureSet]:
    """Pictures of a training dataset, those of a mixture set by set.

    Args:
        dataset: The dataset, or a wrapper of datasets.

    Raises:
        TypeError: It gives no pictures to compare.
    """
    if isinstance(dataset, MixedRefDataset):
        return [
            _picture_set(part, dataset.kept_images(number))
            for number, part in enumerate(dataset.datasets)
        ]
    if hasattr(dataset, "item_images"):
        return [_picture_set(dataset)]
    inner = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    if inner == [None]:
        raise TypeError(
            f"the dataset {type(dataset).__name__} has no method item_images(), so "
            "that its pictures cannot be compared. Derive it from BaseRefDataset"
        )
    return [found for part in inner for found in training_sets(part)]


def _picture_set(dataset: Any, images: Iterable[int] | None = None) -> PictureSet:
    return PictureSet(title_of(dataset), tuple(keys_of(dataset, images).values()))


class ConfigPictures:
    """Reads the pictures of a config's datasets.

    Folders of pictures that are not there are stood in for by empty ones, for as long
    as the object is open.

    Args:
        cfg: The config.
    """

    def __init__(self, cfg: Mapping[str, Any]) -> None:
        self.cfg = cfg
        self._folder = tempfile.TemporaryDirectory(prefix="mmris_pictures_")

    def __enter__(self) -> ConfigPictures:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def train(self) -> list[PictureSet]:
        """The training sets.

        Raises:
            ValueError: The config trains on nothing.
        """
        loader = self.cfg.get("train_dataloader")
        if not loader:
            raise ValueError(
                "the config has no train_dataloader, so that there is nothing to check"
            )
        return self._sets(_plain(loader["dataset"]))

    def _sets(self, config: dict[str, Any]) -> list[PictureSet]:
        """Pictures of a dataset, without opening any of them."""
        if not any(map(_needs_pictures, _all_leaves(config))):
            return training_sets(self._build(config))
        held_out = {
            key
            for part in config.get("held_out", ())
            for found in self._sets(part)
            for keys in found.pictures
            for key in keys
        }
        return [
            PictureSet(
                found.title,
                tuple(keys for keys in found.pictures if held_out.isdisjoint(keys)),
            )
            for leaf in dataset_leaves(config)
            for found in self._annotated(leaf)
        ]

    def _annotated(self, config: dict[str, Any]) -> list[PictureSet]:
        if not _needs_pictures(config):
            return training_sets(self._build(config))
        dataset = self._build({**config, "lazy_init": True})
        return [PictureSet(title_of(dataset), tuple(dataset.annotated_pictures()))]

    def evaluation(
        self,
        *,
        loaders: Sequence[str] = ("val", "test"),
        other_splits: bool = True,
        more: Sequence[Mapping[str, Any]] = (),
    ) -> list[PictureSet]:
        """The evaluation sets: those of the loaders and those held out in training.

        Args:
            loaders: Which loaders of the config.
            other_splits: Whether to add every other split of these datasets but
                training splits, as ``tools/test.py --split`` can test on them.
            more: Further configs whose evaluation sets are added.
        """
        wanted: dict[str, dict[str, Any]] = {}
        for cfg in (self.cfg, *more):
            for leaf in _evaluation_leaves(cfg, loaders):
                for variant in self._splits(leaf) if other_splits else [leaf]:
                    wanted.setdefault(_identity(variant), variant)
        return [
            found
            for leaf in wanted.values()
            for found in self._sets({**leaf, "test_mode": True})
        ]

    def _splits(self, leaf: dict[str, Any]) -> list[dict[str, Any]]:
        """A dataset with each of its evaluation splits, its own first."""
        variants = [leaf]
        dataset = self._build({**leaf, "lazy_init": True})
        if not isinstance(dataset, ReferDataset):
            return variants
        path = partition_files(Path(dataset.ann_file).parent).get(dataset.partition)
        entries = read_annotation_file(path) if path is not None else []
        names = {
            entry.get("split")
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, dict)
        }
        others = sorted(
            name
            for name in names - {dataset.split}
            if isinstance(name, str) and not name.startswith("train")
        )
        return variants + [{**leaf, "split": name} for name in others]

    def _build(self, config: Mapping[str, Any]) -> Any:
        return DATASETS.build(self._without_pictures(_plain(config)))

    def _without_pictures(self, config: dict[str, Any]) -> dict[str, Any]:
        """The config of a dataset that needs no pictures and runs no transforms."""
        for key in _INNER:
            inner = config.get(key)
            if isinstance(inner, dict):
                config[key] = self._without_pictures(inner)
            elif isinstance(inner, list | tuple):
                config[key] = [
                    self._without_pictures(part) if isinstance(part, dict) else part
                    for part in inner
                ]
        parameters = _parameters(config.get("type"))
        if "pipeline" in parameters:
            config["pipeline"] = []
        if "image_dir" in parameters:
            default = parameters["image_dir"].default
            folder = Path(
                config.get("data_root", "data"), config.get("image_dir", default)
            ).absolute()
            if not folder.is_dir():
                # Another one for each, so that files of equal names stay apart.
                name = hashlib.sha256(str(folder).encode()).hexdigest()
                empty = Path(self._folder.name, name)
                empty.mkdir(exist_ok=True)
                config["image_dir"] = str(empty)
        return config


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    content = config.to_dict() if hasattr(config, "to_dict") else config
    return copy.deepcopy(dict(content))


def _parameters(kind: Any) -> Mapping[str, inspect.Parameter]:
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    return inspect.signature(found).parameters if found is not None else {}


def _identity(config: Mapping[str, Any]) -> str:
    """Equal for configs that show the same pictures."""
    parameters = _parameters(config.get("type")).items()
    defaults = {
        name: entry.default
        for name, entry in parameters
        if entry.default is not entry.empty
    }
    content = {
        key: value
        for key, value in {**defaults, **config}.items()
        if key not in _OF_NO_MATTER
    }
    return json.dumps(content, sort_keys=True, default=str)


def _needs_pictures(config: Mapping[str, Any]) -> bool:
    """Whether a dataset opens its pictures to read its annotations."""
    kind = config.get("type")
    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    return hasattr(found, "annotated_pictures")


def _all_leaves(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from dataset_leaves(config)
    for part in config.get("held_out", ()):
        if isinstance(part, dict):
            yield from dataset_leaves(part)


def _evaluation_leaves(
    cfg: Mapping[str, Any], loaders: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Configs of the datasets that loaders test on or that training holds out."""
    for name in loaders:
        loader = cfg.get(f"{name}_dataloader")
        if loader:
            yield from dataset_leaves(_plain(loader["dataset"]))
    train = cfg.get("train_dataloader")
    for part in train["dataset"].get("held_out", ()) if train else ():
        yield from dataset_leaves(_plain(part))
