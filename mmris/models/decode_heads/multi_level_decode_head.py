"""A decode head put together from exchange, aggregation and mask decoder."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from torch import nn

from mmris.models.parts import (
    LEVEL_AGGREGATION,
    LEVEL_EXCHANGE,
    MASK_DECODER,
    build_part,
)
from mmris.registry import MODELS
from mmris.structures import FusedSpec, LevelSpec, MaskOutput

from .ref_decode_head import RefDecodeHead

if TYPE_CHECKING:
    from mmris.structures import FusedFeatures

    from .level_parts import LevelAggregation, LevelExchange, MaskDecoder


@MODELS.register_module()
class MultiLevelDecodeHead(RefDecodeHead):
    """Exchange between levels, their aggregation to one map, decoding of the map.

    Args:
        in_features: What the neck gives; from the segmentor.
        aggregation: Config of a :class:`LevelAggregation`.
        mask_decoder: Config of a :class:`MaskDecoder`.
        exchange: Config of a :class:`LevelExchange`, or None for none.
        level_decoder: Config of a :class:`MaskDecoder`, built once for every level that
            the neck gives, or None for none. What it makes of the levels before the
            exchange are the auxiliary outputs ``level_0``, the finest, ``level_1`` and
            so on, for losses on the levels; in evaluation they are not computed.
        level_channels: Channels that a 1x1 convolution of its own gives every level
            before the exchange, for parts that want levels of one width after a neck
            whose levels differ, such as :class:`EncoderFusion`; None to leave the
            levels as they are. A level of images is convolved once an image.

    No paper: the frame in which the papers' heads and their ablations are configs.
    """

    def __init__(
        self,
        *,
        in_features: FusedSpec,
        aggregation: dict[str, Any],
        mask_decoder: dict[str, Any],
        exchange: dict[str, Any] | None = None,
        level_decoder: dict[str, Any] | None = None,
        level_channels: int | None = None,
    ) -> None:
        super().__init__(in_features=in_features)
        self.level_decoders = nn.ModuleList()
        if level_decoder is not None:
            self.level_decoders.extend(
                build_part(
                    "model.decode_head.level_decoder",
                    level_decoder,
                    MASK_DECODER,
                    {"in_channels": channels},
                )
                for channels in in_features.channels
            )
        self.aux_names = tuple(f"level_{i}" for i in range(len(self.level_decoders)))
        self.laterals = nn.ModuleList()
        if level_channels is not None:
            self.laterals.extend(
                nn.Conv2d(channels, level_channels, kernel_size=1)
                for channels in in_features.channels
            )
            in_features = _of_width(in_features, level_channels)
        self.exchange: LevelExchange | None = None
        if exchange is not None:
            built: LevelExchange = build_part(
                "model.decode_head.exchange",
                exchange,
                LEVEL_EXCHANGE,
                {"in_features": in_features},
            )
            self.exchange = built
            in_features = built.spec
        self.aggregation: LevelAggregation = build_part(
            "model.decode_head.aggregation",
            aggregation,
            LEVEL_AGGREGATION,
            {"in_features": in_features},
        )
        self.mask_decoder: MaskDecoder = build_part(
            "model.decode_head.mask_decoder",
            mask_decoder,
            MASK_DECODER,
            {"in_channels": self.aggregation.out_channels},
        )

    def forward(self, fused: FusedFeatures) -> MaskOutput:
        """Decode.

        Args:
            fused: Levels of N expressions.

        Returns:
            N mask logits and, in training, those of each level if there is a
            ``level_decoder``.
        """
        aux = {}
        if self.training:
            decoders = zip(self.aux_names, self.level_decoders, strict=True)
            for index, (name, decoder) in enumerate(decoders):
                aux[name] = decoder(fused[index])
        if self.laterals:
            maps = zip(self.laterals, fused.maps, strict=True)
            levels = tuple(lateral(level) for lateral, level in maps)
            fused = dataclasses.replace(fused, maps=levels)
        if self.exchange is not None:
            fused = self.exchange(fused)
        return MaskOutput(self.mask_decoder(self.aggregation(fused)), aux)


def _of_width(features: FusedSpec, channels: int) -> FusedSpec:
    levels = tuple(LevelSpec(channels, level.stride) for level in features.levels)
    return FusedSpec(levels, features.text)
