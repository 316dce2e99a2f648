"""What lets two maps of the same size attend to each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from mmengine.model import BaseModule

if TYPE_CHECKING:
    from torch import Tensor


class CoAttention(BaseModule, ABC):
    """Gathers each of two maps by how its places fit those of the other.

    Args:
        channels: ``C``, channels of both maps; from the block.
    """

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.channels = channels

    @property
    def out_channels(self) -> int:
        """Channels of the result: both gathered maps."""
        return 2 * self.channels

    @abstractmethod
    def forward(self, multimodal: Tensor, language: Tensor) -> Tensor:
        """Attend.

        Args:
            multimodal: ``(N, C, H, W)``, at least float32.
            language: ``(N, C, H, W)``, at least float32.

        Returns:
            What was gathered of the one and, behind it, of the other map,
            ``(N, 2 C, H, W)``.
        """
