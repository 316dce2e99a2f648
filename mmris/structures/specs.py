"""What parts say of their inputs and outputs before anything runs.

The segmentor passes these along the chain text encoder, backbone, neck, head when it is
built, so that parts which do not fit are refused there, with the config key to change,
and never at the first iteration.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextSpec:
    """Widths of a text encoder's output.

    Attributes:
        token_channels: ``C_t``, channels of a word.
        sentence_channels: ``C_s``, channels of the sentence.
    """

    token_channels: int
    sentence_channels: int


@dataclass(frozen=True)
class LevelSpec:
    """One level of a backbone or of a neck.

    Attributes:
        channels: ``C_i``.
        stride: Input pixels a position, the same along both axes. A neck with a grid of
            fixed size gives the stride of the level that the grid was made from.
    """

    channels: int
    stride: int


@dataclass(frozen=True)
class FusedSpec:
    """What a fusion neck hands to a decode head.

    Attributes:
        levels: Finest first.
        text: Per level, the widths of the text that the neck leaves.
    """

    levels: tuple[LevelSpec, ...]
    text: tuple[TextSpec, ...]

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.text):
            raise ValueError(
                f"got {len(self.levels)} levels but text for {len(self.text)}"
            )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the levels, finest first."""
        return tuple(level.channels for level in self.levels)
