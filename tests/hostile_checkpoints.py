"""Checkpoints that run a command when they are read in the wrong way."""

from __future__ import annotations

import io
import os
import pickle
import tarfile

import numpy as np
import torch
from mmengine.logging import HistoryBuffer


class Command:
    """Reading it makes the file ``marker``."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


class Climb:
    """Reading it climbs by getattr from a class that is allowed to a function."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return getattr, (HistoryBuffer, "__init__")


def _state(**entries):
    weights = {"conv.weight": torch.zeros(1, 3, 1, 1), "conv.bias": torch.zeros(1)}
    return {
        "meta": {"iter": 1, "epoch": 0},
        "message_hub": {},
        "optimizer": {},
        "state_dict": weights,
        **entries,
    }


def plain_pickle(path, marker):
    path.write_bytes(pickle.dumps(Command(marker)))


def zip_of_torch(path, marker):
    torch.save(_state(state_dict={"conv.weight": Command(marker)}), path)


def torch_before_zip(path, marker):
    contents = _state(state_dict=Command(marker))
    torch.save(contents, path, _use_new_zipfile_serialization=False)


def tar_of_torch(path, marker):
    with tarfile.open(path, "w") as tar:
        for name in ("storages", "tensors", "pickle"):
            content = pickle.dumps(Command(marker))
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def array_of_objects(path, marker):
    torch.save(_state(meta={"scores": np.array([Command(marker)], object)}), path)


def getattr_gadget(path, marker):
    torch.save(_state(meta=Climb(marker)), path)


def word_list(path, marker):
    entries = {"text_encoder._extra_state": Command(marker)}
    torch.save(_state(state_dict=entries), path)


def optimizer_state(path, marker):
    torch.save(_state(optimizer={"state": {0: Command(marker)}}), path)


KINDS = (
    plain_pickle,
    zip_of_torch,
    torch_before_zip,
    tar_of_torch,
    array_of_objects,
    getattr_gadget,
    word_list,
    optimizer_state,
)
# That which runs nothing itself, but reaches what could.
HARMLESS_ALONE = (getattr_gadget,)
