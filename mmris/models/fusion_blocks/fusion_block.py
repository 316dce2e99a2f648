"""What brings words into one level, wherever that level is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from mmengine.model import BaseModule

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import LevelSpec, TextFeatures, TextSpec


class FusionBlock(BaseModule, ABC):
    """Maps one level of B images and N expressions to a map of the same size.

    The same block serves two placements: after the backbone
    (:class:`mmris.models.DecoderFusion`) and inside it
    (:class:`mmris.models.EncoderFusion`). The work is cut in two: :meth:`project` needs
    no words and runs once an image, :meth:`fuse` runs once an expression.

    Args:
        in_level: The level; from the placement.
        in_text: What the text encoder gives; from the placement.
        out_channels: Channels of the fused map; None for as many as the level has,
            which a place inside the backbone requires.
    """

    def __init__(
        self,
        *,
        in_level: LevelSpec,
        in_text: TextSpec,
        out_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.in_level = in_level
        self.in_text = in_text
        self.out_channels = in_level.channels if out_channels is None else out_channels

    def project(self, level: Tensor) -> Any:
        """The part that needs no words.

        Args:
            level: ``(B, C_i, H, W)``.

        Returns:
            Whatever :meth:`fuse` wants of the images; the level unless overridden.
        """
        return level

    @abstractmethod
    def fuse(self, projected: Any, text: TextFeatures, image_index: Tensor) -> Tensor:
        """The part that needs the words.

        Args:
            projected: What :meth:`project` gave for B images.
            text: N expressions; padded words receive exactly zero weight.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            ``(N, out_channels, H, W)``.
        """

    def forward(self, level: Tensor, text: TextFeatures, image_index: Tensor) -> Tensor:
        """Fuse in one go.

        Args:
            level: ``(B, C_i, H, W)``.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            ``(N, out_channels, H, W)``.
        """
        return self.fuse(self.project(level), text, image_index)
