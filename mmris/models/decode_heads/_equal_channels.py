"""For parts that add levels to each other."""

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
            f"{part} adds levels to each other, but model.neck gives levels of "
            f"{channels} channels. Give them one width, such as by "
            "model.neck.block.out_channels"
        )
    return channels[0]
