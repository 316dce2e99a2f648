"""Builds the runner that a config asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.runner import Runner

from mmris.registry import RUNNERS

if TYPE_CHECKING:
    from mmengine.config import Config


def build_runner(cfg: Config) -> Runner:
    """Build MMEngine's Runner, or the one that ``runner_type`` names.

    Args:
        cfg: The config.

    Returns:
        The runner.

    Raises:
        ValueError: There is no such runner.
    """
    kind = cfg.get("runner_type", Runner)
    found: type[Runner] | None = RUNNERS.get(kind) if isinstance(kind, str) else kind
    if found is None:
        raise ValueError(
            f"runner_type is {kind!r}, which is no registered runner; leave it out, or "
            "name the module that registers it in custom_imports.imports"
        )
    return found.from_cfg(cfg)
