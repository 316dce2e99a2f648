"""Makes a config so small that it trains on generated scenes, on a CPU.

A table says which arguments of which part are sizes (``configs/_base_/tiny.py``); all
others stay, so that the small model has the parts and switches of the large one. Data,
pipelines and schedule are those of the small models (``shapes_training.py`` there).
"""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine import registry as root
from mmengine.config import Config, ConfigDict

from .config import SPLITS, base_folders
from .config_keys import TOP_LEVEL
from .config_types import find_type

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZES_FILE = "tiny.py"
TRAINING_FILE = "shapes_training.py"
# What the schedule of the small models takes the place of, and what of the optimizer
# wrapper is the method's own.
_TRAINING = (
    *(f"{split}_{part}" for split in SPLITS for part in ("dataloader", "evaluator")),
    *(f"{split}_cfg" for split in SPLITS),
    "param_scheduler",
)
_OWN_OPTIMIZATION = ("constructor", "paramwise_cfg")


def make_tiny(cfg: Config) -> None:
    """Make a config small, for generated scenes.

    Its parts, losses, thresholds and relative learning rates stay. Sizes, data,
    pipelines, optimizer and schedule change, what is pretrained or frozen starts at
    random and is trained, and the work dir gets a name of its own.

    Args:
        cfg: Configuration with a model, changed in place.

    Raises:
        ValueError: A part stands in no table of sizes.
        FileNotFoundError: There is no such table.
    """
    sizes_file = _base_file(SIZES_FILE, cfg.filename)
    table = Config.fromfile(str(sizes_file))
    training = Config.fromfile(str(_base_file(TRAINING_FILE, cfg.filename)))
    shrink = _Shrinker(table["sizes"], table["settings"], sizes_file)
    model = shrink("model", cfg.model.to_dict())
    # They were used when the file was read, and would now tell of the large model.
    for name in [name for name in cfg if name not in TOP_LEVEL]:
        cfg.pop(name)
    cfg.model = ConfigDict(model)
    for key in _TRAINING:
        cfg[key] = training.get(key)
    own = cfg.get("optim_wrapper") or {}
    kept = {key: own[key] for key in _OWN_OPTIMIZATION if key in own}
    cfg.optim_wrapper = ConfigDict({**training.optim_wrapper, **kept})
    if not cfg.get("work_dir"):
        cfg.work_dir = str(
            Path("work_dirs") / f"{Path(cfg.filename or 'config').stem}_tiny"
        )


def _base_file(name: str, config_file: str | None) -> Path:
    folders = base_folders(config_file)
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"--tiny needs the file {name} in one of {', '.join(map(str, folders))}; "
        "install mmris anew"
    )


class _Shrinker:
    """Walks through the parts of a model.

    Args:
        sizes: Arguments by type, for those that are not switched off.
        settings: Arguments by type.
        source: Where they stand, for messages.
    """

    def __init__(
        self,
        sizes: Mapping[str, Mapping[str, Any]],
        settings: Mapping[str, Mapping[str, Any]],
        source: Path,
    ) -> None:
        self.sizes = sizes
        self.settings = settings
        self.source = source

    def __call__(self, path: str, value: Any) -> Any:
        """The small form of a part, or of whatever holds parts."""
        if isinstance(value, list | tuple):
            return type(value)(self(f"{path}.{i}", v) for i, v in enumerate(value))
        if not isinstance(value, dict):
            return value
        result = self._resized(path, value) if "type" in value else dict(value)
        for key, part in result.items():
            if not key.endswith("_cfg"):  # no part, or of another library
                result[key] = self(f"{path}.{key}", part)
        return result

    def _resized(self, path: str, part: dict[str, Any]) -> dict[str, Any]:
        kind = part["type"]
        name = kind if isinstance(kind, str) else kind.__name__
        if name not in self.sizes:
            raise ValueError(
                f"{path} is {name}, of which --tiny knows no sizes. Name its arguments "
                f"that are sizes in {self.source}, or none of them: {name!r}: dict()"
            )
        result = dict(part)
        for key, size in self.sizes[name].items():
            present = result.get(key, _default(kind, key))
            if present in (None, False, 0, (), []):  # switched off
                continue
            both = isinstance(size, list | tuple) and isinstance(present, list | tuple)
            result[key] = copy.deepcopy(size[: len(present)] if both else size)
        return result | copy.deepcopy(dict(self.settings.get(name, {})))


def _default(kind: Any, argument: str) -> Any:
    """What an argument is where it is not given; True for one that must be."""
    target = find_type(kind, root.MODELS, "mmris")
    target = target or find_type(kind, root.TASK_UTILS, "mmris")
    for step in inspect.getmro(target) if inspect.isclass(target) else ():
        own = vars(step).get("__init__")
        parameters = inspect.signature(own).parameters if own is not None else {}
        if argument in parameters:
            default = parameters[argument].default
            return True if default is inspect.Parameter.empty else default
    return True
