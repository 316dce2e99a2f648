"""What every fusion neck has in common: an image part and an expression part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from mmengine.model import BaseModule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from mmris.structures import (
        FusedFeatures,
        FusedSpec,
        LevelSpec,
        TextFeatures,
        TextSpec,
    )


class FusionNeck(BaseModule, ABC):
    """Brings the words into the levels of a backbone.

    The work is cut in two. :meth:`project` is all that does not depend on words and
    runs once an image; :meth:`fuse` runs once an expression and finds the image of each
    through ``image_index``. A neck without such a part leaves ``project`` alone.

    Args:
        in_levels: What the backbone gives, finest first; from the segmentor.
        in_text: What the text encoder gives; from the segmentor.
        in_indices: Which of ``in_levels`` to use, finest first; None for all.

    Attributes:
        inside_backbone: Whether the neck runs the backbone's stages itself; the
            segmentor then builds it with ``backbone``, to look at and not to keep.

    Raises:
        ValueError: ``in_indices`` names a level that is not there, or out of order.
    """

    inside_backbone: bool = False

    def __init__(
        self,
        *,
        in_levels: Sequence[LevelSpec],
        in_text: TextSpec,
        in_indices: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        indices = tuple(range(len(in_levels)) if in_indices is None else in_indices)
        if not indices or list(indices) != sorted(set(indices)):
            raise ValueError(
                f"model.neck.in_indices is {list(indices)}; give increasing indices of "
                "levels, finest first"
            )
        if indices[0] < 0 or indices[-1] >= len(in_levels):
            raise ValueError(
                f"model.neck.in_indices is {list(indices)}, but model.backbone gives "
                f"{len(in_levels)} levels. Change it or model.backbone.out_indices"
            )
        self.in_indices = indices
        self.in_levels = tuple(in_levels[index] for index in indices)
        self.in_text = in_text

    @property
    @abstractmethod
    def spec(self) -> FusedSpec:
        """What the neck hands to a decode head."""

    def project(self, levels: Sequence[Tensor]) -> Any:
        """The part that needs no words.

        Args:
            levels: The used levels of the backbone, ``(B, C_i, H_i, W_i)`` each.

        Returns:
            Whatever :meth:`fuse` wants of the images; the levels unless overridden.
        """
        return tuple(levels)

    @abstractmethod
    def fuse(
        self, projected: Any, text: TextFeatures, image_index: Tensor
    ) -> FusedFeatures:
        """The part that needs the words.

        Args:
            projected: What :meth:`project` gave for B images.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            The fused levels.
        """

    def encode(self, backbone: nn.Module, images: Tensor) -> Any:
        """Run what needs no words of backbone and neck; the segmentor calls this.

        Args:
            backbone: The backbone, which the neck does not own.
            images: ``(B, 3, H, W)``.

        Returns:
            What :meth:`decode` wants of the images.
        """
        return self.project(self.select(backbone(images)))

    def decode(
        self,
        backbone: nn.Module,
        encoded: Any,
        text: TextFeatures,
        image_index: Tensor,
    ) -> FusedFeatures:
        """Run what needs the words; the segmentor calls this.

        Args:
            backbone: The backbone, for necks that fuse inside it.
            encoded: What :meth:`encode` gave for B images.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            The fused levels.
        """
        return self.fuse(encoded, text, image_index)

    def select(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The levels of the backbone that this neck uses.

        Args:
            levels: All levels of the backbone.
        """
        return tuple(levels[index] for index in self.in_indices)

    def forward(
        self, levels: Sequence[Tensor], text: TextFeatures, image_index: Tensor
    ) -> FusedFeatures:
        """Fuse in one go.

        Args:
            levels: All levels of the backbone, ``(B, C_i, H_i, W_i)`` each.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            The fused levels.
        """
        return self.fuse(self.project(self.select(levels)), text, image_index)
