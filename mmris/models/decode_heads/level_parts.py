"""The three ideas a decode head is made of, each replaceable on its own.

Levels exchange information, are aggregated to one map, and the map is decoded to a
mask. The ablation tables of the field recombine the three.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from mmengine.model import BaseModule

if TYPE_CHECKING:
    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec


class LevelExchange(BaseModule, ABC):
    """Lets the levels of an expression see each other; their number stays.

    Args:
        in_features: What comes in.
    """

    def __init__(self, *, in_features: FusedSpec) -> None:
        super().__init__()
        self.in_features = in_features

    @property
    @abstractmethod
    def spec(self) -> FusedSpec:
        """What goes out."""

    @abstractmethod
    def forward(self, fused: FusedFeatures) -> FusedFeatures:
        """Exchange.

        Args:
            fused: Levels of N expressions.

        Returns:
            As many levels.
        """


class LevelAggregation(BaseModule, ABC):
    """Makes one map of all levels.

    Args:
        in_features: What comes in.
    """

    def __init__(self, *, in_features: FusedSpec) -> None:
        super().__init__()
        self.in_features = in_features

    @property
    @abstractmethod
    def out_channels(self) -> int:
        """Channels of the map."""

    @abstractmethod
    def forward(self, fused: FusedFeatures) -> Tensor:
        """Aggregate.

        Args:
            fused: Levels of N expressions.

        Returns:
            ``(N, out_channels, H, W)``.
        """


class MaskDecoder(BaseModule, ABC):
    """Makes mask logits of one map.

    Args:
        in_channels: Channels of the map; from the head.
    """

    def __init__(self, *, in_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Decode.

        Args:
            features: ``(N, in_channels, H, W)``.

        Returns:
            Logits ``(N, 1, h, w)``, before the sigmoid.
        """
