"""Levels that no word touches beside those that a neck after the backbone fuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mmris.models.backbones import find_stages, read_stage_levels
from mmris.models.parts import FUSION_NECK, build_part, find_part
from mmris.registry import MODELS
from mmris.structures import FusedFeatures, FusedSpec, LevelSpec
from mmris.structures.features import MAX_LEVELS

from ._stem_level import check_stem
from .fusion_neck import FusionNeck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from mmris.structures import TextFeatures, TextSpec


class _ImagePart(NamedTuple):
    """What needs no words, once an image.

    Attributes:
        unfused: Levels of the backbone as they are, ``(B, C_i, H_i, W_i)`` each.
        projected: What the neck wants of the images.
    """

    unfused: tuple[Tensor, ...]
    projected: Any


@MODELS.register_module()
class UnfusedLevelsNeck(FusionNeck):
    """Hands finer levels of the backbone to the head as they are, once an image.

    A head that walks down to fine levels, as CEFNet's does, gets them from
    :class:`EncoderFusion` anyway. This gives them beside a neck that works after the
    backbone, so that the two places of fusion can be compared under the same head, as
    in Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
    Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Table 3.

    Args:
        in_levels: What the backbone gives; from the segmentor.
        in_text: What the text encoder gives; from the segmentor.
        backbone: The backbone, looked at and not kept; from the segmentor.
        neck: Config of a neck that works after the backbone.
        in_indices: Which levels of the backbone are handed on, finer than those that
            the neck gives.
        stem_level: Whether the stem's output, of a ResNet before max-pooling, is handed
            on as the finest level.

    Raises:
        ValueError: The neck works inside the backbone or gives a finer level than those
            that are handed on, there are too many levels, or there is no stem level.
    """

    inside_backbone = True

    def __init__(
        self,
        *,
        in_levels: Sequence[LevelSpec],
        in_text: TextSpec,
        backbone: nn.Module,
        neck: dict[str, Any],
        in_indices: Sequence[int] = (0,),
        stem_level: bool = False,
    ) -> None:
        super().__init__(in_levels=in_levels, in_text=in_text, in_indices=in_indices)
        self.stem_level = stem_level
        unfused = self.in_levels
        if stem_level:
            self.family = find_stages(backbone)
            stem, levels = read_stage_levels(self.family, backbone)
            check_stem(stem, levels[0], backbone)
            unfused = (stem, *unfused)
        neck_class = find_part("model.neck.neck", neck, FUSION_NECK)
        if getattr(neck_class, "inside_backbone", False):
            raise ValueError(
                f"model.neck.neck is {neck['type']}, which runs the backbone itself; "
                "choose one that works after it, such as DecoderFusion, or make it "
                "model.neck"
            )
        self.neck: FusionNeck = build_part(
            "model.neck.neck",
            neck,
            FUSION_NECK,
            {"in_levels": in_levels, "in_text": in_text},
        )
        self.levels = (*unfused, *self.neck.spec.levels)
        _check_levels(self.levels)
        self.num_unfused = len(unfused)

    @property
    def spec(self) -> FusedSpec:
        """The levels handed on with the encoder's text, then what the neck gives."""
        text = (self.in_text,) * self.num_unfused + self.neck.spec.text
        return FusedSpec(self.levels, text)

    def encode(self, backbone: nn.Module, images: Tensor) -> _ImagePart:
        """The backbone and the neck's image part.

        Args:
            backbone: The backbone.
            images: ``(B, 3, H, W)``.

        Returns:
            What :meth:`decode` wants of the images.
        """
        if not self.stem_level:
            return self.project(backbone(images))
        stem = maps = self.family.stem(backbone, images)
        levels = []
        out_stages = self.family.out_stages(backbone)
        for stage in range(out_stages[-1] + 1):
            maps = self.family.run(backbone, stage, maps)
            if stage in out_stages:
                levels.append(self.family.output(backbone, stage, maps))
        unfused, projected = self.project(levels)
        return _ImagePart((stem, *unfused), projected)

    def project(self, levels: Sequence[Tensor]) -> _ImagePart:
        """The part that needs no words.

        Args:
            levels: All levels of the backbone, ``(B, C_i, H_i, W_i)`` each.

        Returns:
            What :meth:`fuse` wants of the images.
        """
        projected = self.neck.project(self.neck.select(levels))
        return _ImagePart(self.select(levels), projected)

    def fuse(
        self, projected: _ImagePart, text: TextFeatures, image_index: Tensor
    ) -> FusedFeatures:
        """The part that needs the words.

        Args:
            projected: What :meth:`encode` gave for B images.
            text: N expressions.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            The levels handed on, with B rows, then what the neck gives.
        """
        fused = self.neck.fuse(projected.projected, text, image_index)
        count = len(projected.unfused)
        per_image = {count + level for level in fused.per_image}
        return FusedFeatures(
            (*projected.unfused, *fused.maps),
            (text,) * count + fused.text,
            image_index,
            frozenset(range(count)) | per_image,
        )


def _check_levels(levels: tuple[LevelSpec, ...]) -> None:
    strides = [level.stride for level in levels]
    if strides != sorted(strides):
        raise ValueError(
            f"the levels that model.neck hands on and those of model.neck.neck have "
            f"strides {strides}, which must go from fine to coarse; change "
            "model.neck.in_indices or model.neck.neck.in_indices"
        )
    if len(levels) > MAX_LEVELS:
        raise ValueError(
            f"model.neck would give {len(levels)} levels, {MAX_LEVELS} are allowed; "
            "change model.neck.in_indices or model.neck.neck.in_indices"
        )
