"""Fusion after the backbone, level by level, by any fusion block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from torch import nn

from mmris.models.parts import FUSION_BLOCK, REINJECTION, build_part
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec

from .fusion_neck import FusionNeck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.models.fusion_blocks import FusionBlock
    from mmris.structures import TextFeatures, TextSpec

    from .reinjection import Reinjection


@MODELS.register_module()
class DecoderFusion(FusionNeck):
    """Runs one fusion block on each level; the backbone sees no words.

    The name and the comparison with fusion inside the backbone are from Feng et al.,
    "Encoder Fusion Network with Co-Attention Embedding for Referring Image
    Segmentation", CVPR 2021, Sec. 1.

    Args:
        in_levels: What the backbone gives; from the segmentor.
        in_text: What the text encoder gives; from the segmentor.
        block: Config of a :class:`FusionBlock`, built once a level.
        in_indices: Which levels of the backbone to use; None for all.
        reinjection: Config of a :class:`Reinjection`, such as
            :class:`UnitReinjection`, that joins a level and its fused map, as
            :class:`EncoderFusion` does between stages; None for the fused map alone.

    Raises:
        ValueError: There is a ``reinjection``, and the block changes the number of
            channels.
    """

    def __init__(
        self,
        *,
        in_levels: Sequence[LevelSpec],
        in_text: TextSpec,
        block: dict[str, Any],
        in_indices: Sequence[int] | None = None,
        reinjection: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(in_levels=in_levels, in_text=in_text, in_indices=in_indices)
        self.reinjection: Reinjection | None = None
        self.blocks = nn.ModuleList(
            build_part(
                "model.neck.block",
                block,
                FUSION_BLOCK,
                {"in_level": level, "in_text": in_text},
            )
            for level in self.in_levels
        )
        if reinjection is not None:
            self.reinjection = build_part(
                "model.neck.reinjection", reinjection, REINJECTION
            )
            self._check_channels()

    def _check_channels(self) -> None:
        for index, block in zip(self.in_indices, self._blocks(), strict=True):
            if block.out_channels != block.in_level.channels:
                raise ValueError(
                    f"model.neck.block gives {block.out_channels} channels, but the "
                    f"map is joined to level {index} of the backbone, which has "
                    f"{block.in_level.channels}. Leave model.neck.block.out_channels "
                    "or model.neck.reinjection out"
                )

    def _blocks(self) -> list[FusionBlock]:
        return cast("list[FusionBlock]", list(self.blocks))

    @property
    def spec(self) -> FusedSpec:
        """As many levels as are used, and the text encoder's own text."""
        levels = tuple(
            LevelSpec(block.out_channels, level.stride)
            for block, level in zip(self._blocks(), self.in_levels, strict=True)
        )
        return FusedSpec(levels, (self.in_text,) * len(levels))

    def project(self, levels: Sequence[Tensor]) -> tuple[Any, ...]:
        """The part that needs no words.

        Args:
            levels: ``(B, C_i, H_i, W_i)`` each.

        Returns:
            What each block wants of the images, and behind it, if they are joined to
            the fused maps, the levels.
        """
        projected = tuple(
            block.project(level)
            for block, level in zip(self._blocks(), levels, strict=True)
        )
        return projected if self.reinjection is None else (*projected, *levels)

    def fuse(
        self, projected: tuple[Any, ...], text: TextFeatures, image_index: Tensor
    ) -> FusedFeatures:
        """The part that needs the words.

        Args:
            projected: What :meth:`project` gave for B images.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            ``(N, out_channels, H_i, W_i)`` each.
        """
        blocks = self._blocks()
        maps = tuple(
            block.fuse(image, text, image_index)
            for block, image in zip(blocks, projected[: len(blocks)], strict=True)
        )
        if self.reinjection is not None:
            levels = projected[len(blocks) :]
            maps = tuple(
                self.reinjection(level[image_index], fused)
                for level, fused in zip(levels, maps, strict=True)
            )
        return FusedFeatures(maps, (text,) * len(maps), image_index)
