"""For parts that treat all levels alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmris.structures import FusedSpec


def common_channels(in_features: FusedSpec, part: str) -> int:
    """The number of channels that all levels have.

    Args:
        in_features: The levels.
        part: Config key and class of the part that wants to know, for the message.

    Returns:
        That number.

    Raises:
        ValueError: The levels differ.
    """
    channels = in_features.channels
    if len(set(channels)) > 1:
        raise ValueError(
            f"{part} needs levels of one width, but model.neck gives levels of "
            f"{channels} channels. Give them one by model.decode_head.level_channels"
        )
    return channels[0]
