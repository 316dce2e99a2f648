"""A backbone cut into stem and stages, so that something may happen in between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


class BackboneStages(ABC):
    """Runs the backbones of one family stage by stage.

    It holds nothing: every method is told the backbone, so that who uses it does not
    own the backbone's parameters a second time. Between the stages go maps
    ``(rows, C, H, W)``, whatever the family works on inside. A map may be changed
    there; the changed one is what the next stage and the output's normalisation see.
    Unchanged maps give exactly what the backbone gives.

    The way from one stage's size to the next (max-pooling, patch merging) belongs to
    the stage that it leads to.
    """

    @abstractmethod
    def num_stages(self, backbone: nn.Module) -> int:
        """How many stages there are.

        Args:
            backbone: A backbone of the family.
        """

    @abstractmethod
    def out_stages(self, backbone: nn.Module) -> tuple[int, ...]:
        """The stages whose outputs the backbone returns, finest first.

        Args:
            backbone: A backbone of the family.
        """

    @abstractmethod
    def stem(self, backbone: nn.Module, images: Tensor) -> Tensor:
        """What comes before the stages.

        Args:
            backbone: A backbone of the family.
            images: ``(B, 3, H, W)``.

        Returns:
            ``(B, C, H_s, W_s)``; of a ResNet, before max-pooling.
        """

    @abstractmethod
    def run(self, backbone: nn.Module, stage: int, maps: Tensor) -> Tensor:
        """One stage.

        Args:
            backbone: A backbone of the family.
            stage: Which, from 0.
            maps: What the stage before gave, or the stem, ``(rows, C, H, W)``.

        Returns:
            ``(rows, C_i, H_i, W_i)``, before the normalisation of the output.
        """

    def output(self, backbone: nn.Module, stage: int, maps: Tensor) -> Tensor:
        """The level that the backbone returns for a stage.

        Args:
            backbone: A backbone of the family.
            stage: One of :meth:`out_stages`.
            maps: What the stage gave, ``(rows, C_i, H_i, W_i)``.

        Returns:
            The same size, normalised where the family normalises its outputs.
        """
        del backbone, stage
        return maps
