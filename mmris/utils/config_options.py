"""What the options of the command-line tools change in a configuration."""

from __future__ import annotations

import importlib.util
import inspect
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmris.registry import DATASETS

from .config import dataset_heads, dataset_leaves

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from mmengine.config import Config

Tracker = Literal["tensorboard", "wandb", "mlflow"]

TRACKERS = ("tensorboard", "wandb", "mlflow")
# Positions along a schedule, in iterations, among the keys of parameter schedulers.
_POSITIONS = ("begin", "end", "milestones", "T_max", "total_steps", "step_size")


def set_work_dir(cfg: Config, work_dir: str | None, subfolder: str = "") -> None:
    """Set ``work_dir`` from the option, else the config, else the config's file name.

    Args:
        cfg: Configuration, changed in place.
        work_dir: The option, None if not given.
        subfolder: Below the folder of the config, if no option was given.
    """
    if work_dir is None:
        default = Path("work_dirs") / Path(cfg.filename or "config").stem
        work_dir = str(Path(cfg.get("work_dir") or default) / subfolder)
    cfg.work_dir = work_dir


def check_work_dir(work_dir: str) -> None:
    """Make the work dir and see that files can be written into it.

    Args:
        work_dir: The folder.

    Raises:
        OSError: It cannot be made or written.
    """
    try:
        Path(work_dir).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=work_dir):
            pass
    except OSError as error:
        raise OSError(
            f"the work dir {work_dir} cannot be written ({error.strerror}); choose "
            "another folder with --work-dir"
        ) from error


def set_seed(cfg: Config, *, seed: int | None, deterministic: bool) -> None:
    """Seed the model, the order of the samples and what is random in a sample.

    A ``seed`` that the config gives to the training dataset stays.

    Args:
        cfg: Configuration, changed in place.
        seed: None leaves the config's.
        deterministic: Choose deterministic algorithms where torch has them.
    """
    randomness = dict(cfg.get("randomness") or {"seed": None})
    if seed is not None:
        randomness["seed"] = seed
        for head in dataset_heads(cfg.train_dataloader.dataset):
            if accepts_argument(head["type"], "seed"):
                head.setdefault("seed", seed)
    if deterministic:
        randomness["deterministic"] = True
    cfg.randomness = randomness


def select_split(cfg: Config, split: str) -> None:
    """Test on another split of the test dataset.

    Args:
        cfg: Configuration, changed in place.
        split: Its name.

    Raises:
        ValueError: The dataset has no argument ``split``.
    """
    for leaf in dataset_leaves(cfg.test_dataloader.dataset):
        if not accepts_argument(leaf["type"], "split"):
            raise ValueError(
                f"--split {split}: the dataset {leaf['type']} of test_dataloader has "
                "no argument 'split'. Set its files with --cfg-options instead"
            )
        leaf["split"] = split


def accepts_argument(dataset_type: str | type, argument: str) -> bool:
    """Whether a dataset takes an argument; no for one that is not registered.

    Args:
        dataset_type: Its class, or the name of it.
        argument: Name of the argument.
    """
    found = (
        DATASETS.get(dataset_type) if isinstance(dataset_type, str) else dataset_type
    )
    return found is not None and argument in inspect.signature(found).parameters


def use_mixed_precision(cfg: Config) -> None:
    """Train in mixed precision, on the CPU as well.

    Args:
        cfg: Configuration, changed in place.

    Raises:
        ValueError: The config uses an optimizer wrapper of another kind.
    """
    present = cfg.optim_wrapper.get("type", "OptimWrapper")
    known = ("OptimWrapper", "AmpOptimWrapper", "MixedPrecisionOptimWrapper")
    if present not in known:
        raise ValueError(
            f"--amp replaces an optimizer wrapper of type {' or '.join(known[:2])}, "
            f"but optim_wrapper.type is {present!r}. Change it in the config"
        )
    cfg.optim_wrapper["type"] = "MixedPrecisionOptimWrapper"


def samples_a_step(cfg: Config) -> float:
    """Training samples from which one process makes a step of the optimizer.

    Args:
        cfg: Configuration.
    """
    counts: int = cfg.optim_wrapper.get("accumulative_counts", 1)
    batch_size: int = cfg.train_dataloader.batch_size
    return counts * batch_size


def scale_learning_rates(cfg: Config, *, base: float) -> None:
    """Let learning rates grow or shrink as the number of samples a step.

    The rates that stand in the config belong to the number in
    ``auto_scale_lr.base_batch_size`` or, where the config does not say it, to one
    process with the batch size of its file.

    Args:
        cfg: Configuration, changed in place.
        base: What :func:`samples_a_step` was for the file.
    """
    base = (cfg.get("auto_scale_lr") or {}).get("base_batch_size", base)
    # MMEngine multiplies by processes and batch size and knows of no accumulation.
    accumulated = samples_a_step(cfg) / cfg.train_dataloader.batch_size
    cfg.auto_scale_lr = {"enable": True, "base_batch_size": base / accumulated}


def shorten_schedule(cfg: Config, max_iters: int) -> None:
    """Train for so many iterations, with a schedule of the same form.

    Learning rate schedules are stretched along. Validation, checkpoints and logging
    come no later than the last iteration, logging at least four times.

    Args:
        cfg: Configuration of training by iterations, changed in place.
        max_iters: Iterations.

    Raises:
        ValueError: The number is not positive, or the config trains by epochs.
    """
    if max_iters < 1:
        raise ValueError(f"--max-iters is {max_iters}; give at least 1")
    train_cfg = cfg.train_cfg
    before = train_cfg.get("max_iters")
    if before is None:
        raise ValueError(
            "--max-iters needs a config that trains by iterations, but its train_cfg "
            f"has no max_iters: {dict(train_cfg)}. Set train_cfg.max_epochs with "
            "--cfg-options instead"
        )
    train_cfg["max_iters"] = max_iters
    train_cfg.pop("dynamic_intervals", None)
    _lower(train_cfg, "val_interval", max_iters)
    _lower(train_cfg, "val_begin", max_iters)
    hooks = cfg.get("default_hooks", {})
    _lower(hooks.get("checkpoint") or {}, "interval", max_iters)
    _lower(hooks.get("logger") or {}, "interval", max(1, max_iters // 4))
    schedulers = cfg.get("param_scheduler") or []
    for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
        if not scheduler.get("by_epoch", True):
            _stretch(scheduler, max_iters / before)


def _lower(section: MutableMapping[str, Any], key: str, limit: int) -> None:
    if section.get(key, 0) > limit:
        section[key] = limit


def _stretch(scheduler: MutableMapping[str, Any], factor: float) -> None:
    """Multiply the positions of a parameter scheduler."""

    def scaled(position: int, least: int) -> int:
        return max(least, round(position * factor)) if position > 0 else position

    for key in _POSITIONS:
        value = scheduler.get(key)
        # A phase of one iteration would never leave its first value, and a warm-up keep
        # the rate of its start for good.
        least = 2 if key in ("begin", "end") else 1
        if isinstance(value, list | tuple):
            scheduler[key] = [scaled(position, least) for position in value]
        elif isinstance(value, int):
            scheduler[key] = scaled(value, least)
    if isinstance(scheduler.get("end"), int):
        scheduler["end"] = max(scheduler["end"], scheduler.get("begin", 0) + 2)


def add_tracker(cfg: Config, tracker: Tracker) -> None:
    """Send scalars, pictures and the config to an experiment tracker as well.

    MLflow writes to the server of ``MLFLOW_TRACKING_URI`` or, where that is not set, to
    ``mlflow.db`` in the work dir.

    Args:
        cfg: Configuration with a ``work_dir``, changed in place.
        tracker: Which.

    Raises:
        ModuleNotFoundError: Its package is not installed.
    """
    if importlib.util.find_spec(tracker) is None:
        raise ModuleNotFoundError(
            f"--tracker {tracker} needs the package {tracker}, which is not installed. "
            f"Run: pip install {tracker}"
        )
    backend = _tracker_backend(tracker, Path(cfg.work_dir).resolve())
    present = cfg.visualizer.get("vis_backends") or []
    if all(entry["type"] != backend["type"] for entry in present):
        cfg.visualizer["vis_backends"] = [*present, backend]


def _tracker_backend(tracker: Tracker, work_dir: Path) -> dict[str, Any]:
    if tracker == "tensorboard":
        return {"type": "TensorboardVisBackend"}
    if tracker == "wandb":
        return {"type": "WandbVisBackend", "init_kwargs": {"project": "mmris"}}
    backend = {"type": "RefMLflowVisBackend", "exp_name": "mmris"}
    server = os.environ.get("MLFLOW_TRACKING_URI")
    if server:
        return {**backend, "tracking_uri": server}
    # MMEngine's own choice, a folder of files, is refused by MLflow 3.
    return {
        **backend,
        "tracking_uri": f"sqlite:///{work_dir / 'mlflow.db'}",
        "artifact_location": (work_dir / "mlflow_artifacts").as_uri(),
    }


def keep_testing_only(cfg: Config) -> None:
    """Remove what only training and validation need, so that nothing of it is built.

    Args:
        cfg: Configuration, changed in place.
    """
    for split in ("train", "val"):
        for part in ("dataloader", "cfg", "evaluator"):
            cfg.pop(f"{split}_{part}", None)
    for key in ("optim_wrapper", "param_scheduler", "auto_scale_lr"):
        cfg.pop(key, None)
