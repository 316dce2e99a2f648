"""What the models of the configs are made of, pinned in text files beside this one.

``parameters.txt`` has the number of weights of each config. ``<config>.txt`` has the
names and shapes of the state dict of each config that builds on no other: a checkpoint
loads as long as they stay. After a change on purpose write them anew, and look at the
difference::

    python -m tests.golden

Names that differ in numbers alone are one line: ``layer.{0-2}.weight`` are three.
"""

from __future__ import annotations

import copy
import functools
import itertools
import re
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmris.registry import MODELS
from mmris.utils.config import PACKAGE_CONFIGS, load_config

FOLDER = Path(__file__).parent
PARAMETERS = FOLDER / "parameters.txt"
BASES = PACKAGE_CONFIGS / "_base_"
CONFIGS = sorted(p for p in PACKAGE_CONFIGS.rglob("*.py") if BASES not in p.parents)


def bases_of(path):
    found = Config._get_base_files(str(path))
    return [(path.parent / base).resolve() for base in found]


# Whose whole model is in view, at full size.
PRIMITIVES = [
    path
    for path in CONFIGS
    if all(BASES in base.parents for base in bases_of(path))
    and not path.stem.endswith("_tiny_shapes")
]


@functools.cache
def _read(path):
    return load_config(path)


def config_of(path):
    """A config that the caller may change."""
    return copy.deepcopy(_read(path))


@contextmanager
def on_meta():
    """Builds modules without memory, and what is no module as always."""
    # mmpretrain reads numbers off a tensor while it builds.
    linspace = functools.partial(torch.linspace, device="cpu")
    with torch.device("meta"), mock.patch("torch.linspace", linspace):
        yield


@functools.cache
def model_of(path):
    """The model of a config at full size, on the meta device."""
    config = config_of(path).model
    config.pop("post_processing", None)  # has no weights, and a package of its own
    with on_meta():
        return MODELS.build(config)


def number_of_parameters(path):
    return sum(parameter.numel() for parameter in model_of(path).parameters())


def parameters_text():
    width = max(len(path.stem) for path in CONFIGS)
    return "".join(
        f"{path.stem.ljust(width)} {number_of_parameters(path):>13,}\n"
        for path in CONFIGS
    )


def state_dict_text(path):
    """A line for each name, or for names that differ in numbers alone."""
    groups = {}
    for name, value in model_of(path).state_dict().items():
        shape = "x".join(map(str, value.shape)) or "scalar"
        if name.endswith("_extra_state"):  # as long as the word list is
            shape = "any"
        numbers = tuple(map(int, re.findall(r"\d+", name)))
        key = re.sub(r"\d+", "#", name), shape
        groups.setdefault(key, []).append(numbers)
    return "".join(
        f"{line} {shape}\n"
        for (pattern, shape), numbers in groups.items()
        for line in lines_of(pattern, numbers)
    )


def lines_of(pattern, numbers):
    """Names as few lines; all combinations of what stands in braces are meant."""
    values = [sorted(set(column)) for column in zip(*numbers, strict=True)]
    if sorted(numbers) == sorted(itertools.product(*values)):
        return [filled(pattern, map(braces, values))]
    # Not all combinations: the first column's values one after the other.
    column = next(i for i, found in enumerate(values) if len(found) > 1)
    return [
        line
        for value in values[column]
        for line in lines_of(pattern, [n for n in numbers if n[column] == value])
    ]


def filled(pattern, texts):
    for text in texts:
        pattern = pattern.replace("#", text, 1)
    return pattern


def braces(values):
    if len(values) == 1:
        return str(values[0])
    whole = values == list(range(values[0], values[-1] + 1))
    inner = f"{values[0]}-{values[-1]}" if whole else ",".join(map(str, values))
    return f"{{{inner}}}"


def write():
    """Write all files anew."""
    DefaultScope.get_instance("golden", scope_name="mmris")
    PARAMETERS.write_text(parameters_text(), encoding="utf-8")
    for path in PRIMITIVES:
        file = FOLDER / f"{path.stem}.txt"
        file.write_text(state_dict_text(path), encoding="utf-8")
