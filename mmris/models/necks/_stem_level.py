"""The stem's output as a level of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from mmris.structures import LevelSpec


def check_stem(stem: LevelSpec, first: LevelSpec, backbone: nn.Module) -> None:
    """Refuse a stem that is no level beside those of the stages.

    Args:
        stem: The stem's level.
        first: That of the first stage.
        backbone: For the message.

    Raises:
        ValueError: It is no finer.
    """
    if stem.stride >= first.stride:
        raise ValueError(
            "model.neck.stem_level is True, but the stem of model.backbone "
            f"{type(backbone).__name__} is no finer than its first stage; leave "
            "stem_level out"
        )
