"""A decode head put together from exchange, aggregation and mask decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmris.registry import MODELS
from mmris.structures import MaskOutput

from .ref_decode_head import RefDecodeHead

if TYPE_CHECKING:
    from mmris.structures import FusedFeatures, FusedSpec

    from .level_parts import LevelAggregation, LevelExchange, MaskDecoder


@MODELS.register_module()
class MultiLevelDecodeHead(RefDecodeHead):
    """Exchange between levels, their aggregation to one map, decoding of the map.

    Args:
        in_features: What the neck gives; from the segmentor.
        aggregation: Config of a :class:`LevelAggregation`.
        mask_decoder: Config of a :class:`MaskDecoder`.
        exchange: Config of a :class:`LevelExchange`, or None for none.

    No paper: the frame in which the papers' heads and their ablations are configs.
    """

    def __init__(
        self,
        *,
        in_features: FusedSpec,
        aggregation: dict[str, Any],
        mask_decoder: dict[str, Any],
        exchange: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(in_features=in_features)
        self.exchange: LevelExchange | None = None
        if exchange is not None:
            self.exchange = MODELS.build({**exchange, "in_features": in_features})
            in_features = self.exchange.spec
        self.aggregation: LevelAggregation = MODELS.build(
            {**aggregation, "in_features": in_features}
        )
        self.mask_decoder: MaskDecoder = MODELS.build(
            {**mask_decoder, "in_channels": self.aggregation.out_channels}
        )

    def forward(self, fused: FusedFeatures) -> MaskOutput:
        """Decode.

        Args:
            fused: Levels of N expressions.

        Returns:
            N mask logits.
        """
        if self.exchange is not None:
            fused = self.exchange(fused)
        return MaskOutput(self.mask_decoder(self.aggregation(fused)), {})
