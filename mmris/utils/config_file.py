"""Reads a config file, and says what is wrong with the modules that it imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from .config_keys import check_custom_imports

if TYPE_CHECKING:
    from pathlib import Path


def read_config_file(path: str | Path) -> Config:
    """Read a config file and import the modules of its ``custom_imports``.

    Args:
        path: The file.

    Raises:
        ValueError: ``custom_imports`` is no dict, or has other keys than it may.
        ImportError: A module cannot be imported.
    """
    cfg = Config.fromfile(str(path), import_custom_modules=False)
    wanted: Any = cfg.get("custom_imports")
    check_custom_imports(wanted)
    if wanted:
        _import(wanted)
    return cfg


def _import(wanted: dict[str, Any]) -> None:
    try:
        import_modules_from_strings(
            wanted.get("imports"),
            allow_failed_imports=wanted.get("allow_failed_imports", False),
        )
    except ImportError as error:
        # MMEngine's own error hides which module was not found by which.
        cause = error.__context__ or error
        raise ImportError(
            f"custom_imports.imports is {wanted['imports']!r}: {error} ({cause}). "
            "Start from the folder that has it, name that folder in PYTHONPATH, or "
            "install the package"
        ) from error
