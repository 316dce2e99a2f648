"""Fusion inside the backbone: the words change what its later stages see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

import torch
from torch import Tensor, nn

from mmris.models.backbones import find_stages, read_stage_levels
from mmris.models.parts import FUSION_BLOCK, REINJECTION, build_part
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec
from mmris.structures.pytree import register_pytree

from ._stem_level import check_stem
from .fusion_neck import FusionNeck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.models.fusion_blocks import FusionBlock
    from mmris.structures import TextFeatures, TextSpec

    from .reinjection import Reinjection


@register_pytree()
@dataclass(frozen=True)
class EncodedImages:
    """B images up to the first fused stage.

    Attributes:
        levels: Levels that no word touches, ``(B, C_i, H_i, W_i)`` each.
        maps: What the first fused stage gave, ``(B, C, H, W)``.
        projected: What that stage's block wants of ``maps``.
    """

    levels: tuple[Tensor, ...]
    maps: Tensor
    projected: Any


@MODELS.register_module()
class EncoderFusion(FusionNeck):
    r"""Puts a fused map into the output of backbone stages, one block a stage.

    .. math::
        V_i' = V_i + \mathrm{block}_i(V_i, \mathrm{text}), \qquad
        V_{i+1} = \mathrm{stage}_{i+1}(V_i')

    A ``reinjection`` joins the two in another way than by their sum. The changed map
    goes into the next stage and, through the output's normalisation where the backbone
    has one, to the decode head. Images become expressions at the first fused stage: it
    and the stages before run once an image, and levels before it stay one row an image.
    From there on every expression has its own way through the backbone.

    The name is from Feng et al., "Encoder Fusion Network with Co-Attention Embedding
    for Referring Image Segmentation", CVPR 2021; any block may be placed so. Hooks on
    the backbone as a whole do not fire: its stages are called.

    Args:
        in_levels: What the backbone gives; from the segmentor.
        in_text: What the text encoder gives; from the segmentor.
        backbone: The backbone, looked at and not kept; from the segmentor.
        block: Config of a :class:`FusionBlock`, built once a stage; its
            ``out_channels`` is left out, for the map is added to the stage's.
        stages: Stages of the backbone, from 0, where fusion happens, increasing. They
            need not be among its ``out_indices``, which say what the head is given.
        stem_level: Whether the stem's output, of a ResNet before max-pooling, is given
            to the head as its finest level.
        reinjection: Config of a :class:`Reinjection`, such as
            :class:`UnitReinjection`, that joins the stage's map and the fused one; None
            for their sum.

    Raises:
        ValueError: The backbone's family is not supported, ``stages`` names stages
            that are not there or whose output goes nowhere, the block changes the
            number of channels, or there is no stem level.
    """

    inside_backbone = True

    def __init__(
        self,
        *,
        in_levels: Sequence[LevelSpec],
        in_text: TextSpec,
        backbone: nn.Module,
        block: dict[str, Any],
        stages: Sequence[int],
        stem_level: bool = False,
        reinjection: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(in_levels=in_levels, in_text=in_text)
        self.family = find_stages(backbone)
        self.stages = tuple(stages)
        self.out_stages = self.family.out_stages(backbone)
        stem, levels = read_stage_levels(self.family, backbone)
        _check_stages(self.stages, self.out_stages)
        self.stem_level = stem_level
        self.reinjection: Reinjection | None = (
            None
            if reinjection is None
            else build_part("model.neck.reinjection", reinjection, REINJECTION)
        )
        if stem_level:
            check_stem(stem, levels[0], backbone)
        self.out_levels = (*((stem,) if stem_level else ()), *self.in_levels)
        self.blocks = nn.ModuleDict(
            {
                str(stage): _build_block(block, stage, levels[stage], in_text)
                for stage in self.stages
            }
        )

    @property
    def spec(self) -> FusedSpec:
        """The backbone's levels and the text encoder's own text."""
        return FusedSpec(self.out_levels, (self.in_text,) * len(self.out_levels))

    def _block(self, stage: int) -> FusionBlock:
        return cast("FusionBlock", self.blocks[str(stage)])

    def _join(self, maps: Tensor, fused: Tensor) -> Tensor:
        if self.reinjection is None:
            return maps + fused
        joined: Tensor = self.reinjection(maps, fused)
        return joined

    def encode(self, backbone: nn.Module, images: Tensor) -> EncodedImages:
        """The backbone up to the first fused stage, and that stage's image part.

        Args:
            backbone: The backbone.
            images: ``(B, 3, H, W)``.

        Returns:
            What :meth:`decode` wants of the images.
        """
        first = self.stages[0]
        maps = self.family.stem(backbone, images)
        levels = [maps] if self.stem_level else []
        for stage in range(first):
            maps = self.family.run(backbone, stage, maps)
            if stage in self.out_stages:
                levels.append(self.family.output(backbone, stage, maps))
        maps = self.family.run(backbone, first, maps)
        return EncodedImages(tuple(levels), maps, self._block(first).project(maps))

    def decode(
        self,
        backbone: nn.Module,
        encoded: EncodedImages,
        text: TextFeatures,
        image_index: Tensor,
    ) -> FusedFeatures:
        """The fused stages and all after the first of them.

        Args:
            backbone: The backbone.
            encoded: What :meth:`encode` gave for B images.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            The stem's level if asked for and the levels of the backbone; those before
            the first fused stage have B rows, the others N.
        """
        first = self.stages[0]
        fused = self._block(first).fuse(encoded.projected, text, image_index)
        maps = self._join(encoded.maps[image_index], fused)  # (N, C, H, W)
        levels = list(encoded.levels)
        if first in self.out_stages:
            levels.append(self.family.output(backbone, first, maps))
        # From here on every expression has a map of its own. Not len(): an exported
        # program takes any number of expressions.
        own_index = torch.arange(text.tokens.shape[0], device=image_index.device)
        for stage in range(first + 1, self.out_stages[-1] + 1):
            maps = self.family.run(backbone, stage, maps)
            if stage in self.stages:
                fused = self._block(stage)(maps, text, own_index)
                maps = self._join(maps, fused)
            if stage in self.out_stages:
                levels.append(self.family.output(backbone, stage, maps))
        return FusedFeatures(
            tuple(levels),
            (text,) * len(levels),
            image_index,
            frozenset(range(len(encoded.levels))),
        )

    def fuse(self, projected: Any, text: TextFeatures, image_index: Tensor) -> NoReturn:
        """Not possible from finished levels.

        Args:
            projected: Levels of the backbone.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Raises:
            TypeError: Always: the backbone has run already.
        """
        raise TypeError(
            "EncoderFusion works inside the backbone: call encode and decode with it, "
            "not the neck with finished levels"
        )


def _check_stages(stages: tuple[int, ...], out_stages: tuple[int, ...]) -> None:
    if not stages or list(stages) != sorted(set(stages)) or stages[0] < 0:
        raise ValueError(
            f"model.neck.stages is {list(stages)}; give increasing stages of the "
            "backbone, from 0"
        )
    if stages[-1] > out_stages[-1]:
        raise ValueError(
            f"model.neck.stages is {list(stages)}, but the last stage that "
            f"model.backbone returns is {out_stages[-1]}: nobody would see stage "
            f"{stages[-1]}. Change it or model.backbone.out_indices"
        )


def _build_block(
    config: dict[str, Any], stage: int, level: LevelSpec, text: TextSpec
) -> FusionBlock:
    block: FusionBlock = build_part(
        "model.neck.block", config, FUSION_BLOCK, {"in_level": level, "in_text": text}
    )
    if block.out_channels != level.channels:
        raise ValueError(
            f"model.neck.block gives {block.out_channels} channels, but the map is "
            f"added to stage {stage} of the backbone, which has {level.channels}. "
            "Leave model.neck.block.out_channels out"
        )
    return block
