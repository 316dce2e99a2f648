"""Refuses configs whose parts do not go together, before anything is built.

Each part is right by itself, and MMEngine runs it: learning rates that never move, an
epoch that never ends, scores of some of the sentences.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from mmengine import registry as root
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, TestLoop, ValLoop

from mmris.datasets import BaseRefDataset, MixedRefDataset

from .config import dataset_heads, dataset_places
from .config_types import default_of, find_type
from .score_check import check_score_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmengine.config import Config

_EVALUATION = {"val": ValLoop, "test": TestLoop}


def check_run(cfg: Config) -> None:
    """Refuse what would train or score otherwise than its config seems to say.

    What a class of another package does cannot be known and passes.

    Args:
        cfg: A config that :func:`check_config` has passed, with all options applied; it
            is left as it is.

    Raises:
        ValueError: The dotted key, and what to write instead.
    """
    parts = cfg.to_dict() if hasattr(cfg, "to_dict") else dict(cfg)
    scope = parts.get("default_scope") or "mmris"
    check_score_names(parts, scope)
    _check_schedules(parts, scope)
    _check_saving(parts, scope)
    _check_samplers(parts, scope)
    for split in ("train", "val", "test"):
        dataset = (parts.get(f"{split}_dataloader") or {}).get("dataset")
        if isinstance(dataset, dict):
            _check_test_mode(split, dataset, scope)


def _train_loop(parts: dict[str, Any], scope: str) -> Any:
    settings = parts.get("train_cfg")
    if not isinstance(settings, dict):
        return None
    if "type" in settings:
        return find_type(settings["type"], root.LOOPS, scope)
    by_epoch = settings.get("by_epoch", True)
    return EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop


def _trains_by_iterations(parts: dict[str, Any], scope: str) -> bool:
    # A loop of another package may have epochs within its iterations.
    loop = _train_loop(parts, scope)
    return getattr(loop, "run", None) is IterBasedTrainLoop.run


def _check_schedules(parts: dict[str, Any], scope: str) -> None:
    if not _trains_by_iterations(parts, scope):
        return
    for path, schedule in _dicts("param_scheduler", parts.get("param_scheduler")):
        target = find_type(schedule["type"], root.PARAM_SCHEDULERS, scope)
        # Those that wait for a score are called after each validation.
        if getattr(target, "need_val_args", False):
            continue
        by_epoch = schedule.get("by_epoch", default_of(target, "by_epoch"))
        if by_epoch is True and not schedule.get("convert_to_iter_based"):
            given = "True" if "by_epoch" in schedule else "not set, which means True"
            raise ValueError(
                f"{path}.by_epoch is {given}, but train_cfg trains by iterations, all "
                "of them one epoch: the schedule would stay where it begins. Set "
                "by_epoch=False and count its begin, end and milestones in iterations"
            )


def _check_saving(parts: dict[str, Any], scope: str) -> None:
    hook = (parts.get("default_hooks") or {}).get("checkpoint")
    if not isinstance(hook, dict) or not _trains_by_iterations(parts, scope):
        return
    target = find_type(hook.get("type", CheckpointHook), root.HOOKS, scope)
    if not inspect.isclass(target) or not issubclass(target, CheckpointHook):
        return
    if hook.get("by_epoch", default_of(target, "by_epoch")) is True:
        raise ValueError(
            "default_hooks.checkpoint saves by epochs (by_epoch=True), but train_cfg "
            "trains by iterations, all of them one epoch: nothing would be saved "
            "before the end. Set by_epoch=False and count its interval in iterations"
        )


def _dicts(path: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The dicts with a type in lists and in dicts without one."""
    if isinstance(value, dict) and "type" in value:
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _dicts(f"{path}.{name}", part)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _dicts(f"{path}.{number}", part)


def _check_samplers(parts: dict[str, Any], scope: str) -> None:
    loop = _train_loop(parts, scope)
    epochs = EpochBasedTrainLoop.run_epoch
    if getattr(loop, "run_epoch", None) is epochs and _is_endless(
        parts, "train", scope
    ):
        raise ValueError(
            "train_dataloader.sampler is an InfiniteSampler, but train_cfg trains by "
            "epochs, the first of which would never end. Set "
            "train_dataloader.sampler.type='DefaultSampler', or train by iterations"
        )
    for split, usual in _EVALUATION.items():
        settings = parts.get(f"{split}_cfg") or {}
        loop = find_type(settings.get("type", usual), root.LOOPS, scope)
        if getattr(loop, "run", None) is usual.run and _is_endless(parts, split, scope):
            raise ValueError(
                f"{split}_dataloader.sampler is an InfiniteSampler, which never comes "
                f"to the end of the data. Set {split}_dataloader.sampler.type="
                "'DefaultSampler' and shuffle=False"
            )


def _is_endless(parts: dict[str, Any], split: str, scope: str) -> bool:
    sampler = (parts.get(f"{split}_dataloader") or {}).get("sampler")
    if not isinstance(sampler, dict):
        return False
    target = find_type(sampler["type"], root.DATA_SAMPLERS, scope)
    return getattr(target, "__iter__", None) is InfiniteSampler.__iter__


def _check_test_mode(split: str, dataset: dict[str, Any], scope: str) -> None:
    path = f"{split}_dataloader.dataset"
    training = split == "train"
    if not training and any(
        find_type(head.get("type"), root.DATASETS, scope) is MixedRefDataset
        for head in dataset_heads(dataset)
    ):
        raise ValueError(
            f"{path} is a MixedRefDataset, which is for training only. Give one of its "
            "sets, with test_mode=True"
        )
    for place, leaf in dataset_places(dataset, path):
        target = find_type(leaf.get("type"), root.DATASETS, scope)
        if not (isinstance(target, type) and issubclass(target, BaseRefDataset)):
            continue
        test_mode = leaf.get("test_mode", default_of(target, "test_mode"))
        if training and test_mode is True:
            raise ValueError(
                f"{place}.test_mode is True, so that an item of training would be an "
                "image with all its sentences, nothing random, whatever 'sampling' "
                "and 'seed' say. Remove it"
            )
        if not training and test_mode is False:
            given = "False" if "test_mode" in leaf else "not set"
            raise ValueError(
                f"{place}.test_mode is {given}, so that items would be those of "
                "training, one sentence or a random few of an image, where all are to "
                "be scored. Set test_mode=True"
            )
