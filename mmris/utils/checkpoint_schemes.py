"""Every way in which MMEngine reads checkpoints goes through the safe loader.

MMEngine tries to read plain weights and, when that fails, quietly reads again with
pickle, which runs whatever is in the file. Its Runner, its ``init_cfg`` and the
backbones of MMSegmentation and MMPretrain all ask one table, the schemes of
``CheckpointLoader``; this module replaces each entry of it.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import torch
from mmengine.dist import get_dist_info
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from .checkpoint import load_checkpoint_file

if TYPE_CHECKING:
    from collections.abc import Mapping

STORES = (r"(\S+\:)?s3://", r"(\S+\:)?petrel://", "pavi://")


def make_loading_safe() -> None:
    """Replace MMEngine's loaders by those below; mmris.utils does it when imported."""
    for prefixes, loader in (
        ("", load_from_file),
        (("http://", "https://"), load_from_address),
        (("modelzoo://", "torchvision://"), load_from_torchvision),
        (("open-mmlab://", "openmmlab://"), load_from_openmmlab),
        ("mmcls://", load_from_mmcls),
        (STORES, load_from_store),
    ):
        CheckpointLoader.register_scheme(prefixes, loader, force=True)


def load_from_file(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Read a file.

    Args:
        filename: Its path.
        map_location: As for ``torch.load``.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It is damaged, or reading it would run code.
    """
    contents = load_checkpoint_file(Path(filename).expanduser(), map_location)
    meta = contents.get("meta")
    if isinstance(meta, dict):
        # MMEngine's Runner, when it resumes, runs this text as a Python program. What
        # it writes itself stands under "cfg".
        meta.pop("config", None)
    return contents


def load_from_address(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Download a file once, into torch's cache, and read it.

    Of several processes the first one downloads.

    Args:
        filename: An address with http or https.
        map_location: As for ``torch.load``.

    Raises:
        OSError: It cannot be downloaded.
        ValueError: It is damaged, or reading it would run code.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / _file_name(filename)
    rank, world_size = get_dist_info()
    if rank == 0 and not cached.is_file():
        _download(filename, cached)
    if world_size > 1:
        torch.distributed.barrier()
    return load_from_file(str(cached), map_location)


def load_from_torchvision(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Read a model of torchvision.

    Args:
        filename: ``torchvision://`` and a name.
        map_location: As for ``torch.load``.

    Raises:
        ValueError: No model of this name.
    """
    addresses = mmengine_checkpoint.get_torchvision_models()
    return load_from_address(_look_up(filename, addresses), map_location)


def load_from_openmmlab(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Read a model of OpenMMLab's list, or of the user's own list.

    Args:
        filename: ``open-mmlab://`` and a name.
        map_location: As for ``torch.load``.

    Raises:
        ValueError: No model of this name.
    """
    scheme, _, name = filename.partition("://")
    renamed = mmengine_checkpoint.get_deprecated_model_names().get(name, name)
    addresses = mmengine_checkpoint.get_external_models()
    found = _look_up(f"{scheme}://{renamed}", addresses)
    if urlparse(found).scheme in ("http", "https"):
        return load_from_address(found, map_location)
    folder = mmengine_checkpoint._get_mmengine_home()
    return load_from_file(os.path.join(folder, found), map_location)


def load_from_mmcls(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Read the backbone of a model of MMClassification.

    Args:
        filename: ``mmcls://`` and a name.
        map_location: As for ``torch.load``.

    Raises:
        ValueError: No model of this name.
    """
    address = _look_up(filename, mmengine_checkpoint.get_mmcls_models())
    contents = load_from_address(address, map_location)
    return dict(mmengine_checkpoint._process_mmcls_checkpoint(contents))


def load_from_store(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Refuse the stores that MMEngine reads with packages of their own.

    Args:
        filename: An address of Petrel (s3) or Pavi.
        map_location: As for ``torch.load``.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        f"{filename}: mmris reads checkpoints from files and from http(s) addresses "
        "only; copy it to a file and give its path"
    )


def _file_name(address: str) -> str:
    name = Path(urlparse(address).path).name
    if not name:
        raise ValueError(f"the address {address} names no file; give that of a file")
    return name


def _download(address: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(address, str(target), progress=os.isatty(0))
    except OSError as error:
        raise OSError(
            f"the checkpoint {address} cannot be downloaded: {error}. Without a "
            f"network, copy it to {target}, or give the path of a copy"
        ) from error


def _look_up(filename: str, addresses: Mapping[str, str]) -> str:
    scheme, _, name = filename.partition("://")
    if name not in addresses:
        close = difflib.get_close_matches(name, addresses, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "check the name"
        raise ValueError(f"there is no {scheme}:// checkpoint {name!r}; {hint}")
    return addresses[name]
