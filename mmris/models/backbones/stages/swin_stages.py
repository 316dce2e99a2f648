"""Swin Transformers of mmseg and mmpretrain.

The two differ in where a stage merges patches: mmseg's always does at its end and
returns the map from before; mmpretrain's can be told to return the merged one. Both
work on tokens ``(rows, H*W, C)``, which here are maps between the stages: a view, not a
copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .backbone_stages import BackboneStages

if TYPE_CHECKING:
    from torch import Tensor

Size = tuple[int, int]


def _to_tokens(maps: Tensor) -> tuple[Tensor, Size]:
    size = (maps.shape[-2], maps.shape[-1])
    return maps.flatten(2).transpose(1, 2), size  # (rows, H*W, C)


def _to_maps(tokens: Tensor, size: Size) -> Tensor:
    rows, _, channels = tokens.shape
    return tokens.transpose(1, 2).reshape(rows, channels, *size)  # (rows, C, H, W)


class SwinStages(BackboneStages):
    """mmseg's: patches, then merging and blocks; each output has a norm of its own."""

    def num_stages(self, backbone: Any) -> int:
        """See :class:`BackboneStages`."""
        return len(backbone.stages)

    def out_stages(self, backbone: Any) -> tuple[int, ...]:
        """See :class:`BackboneStages`."""
        return tuple(sorted(set(backbone.out_indices)))

    def stem(self, backbone: Any, images: Tensor) -> Tensor:
        """See :class:`BackboneStages`."""
        tokens, size = backbone.patch_embed(images)
        if backbone.use_abs_pos_embed:
            tokens = tokens + self.positions(backbone, size)
        return _to_maps(backbone.drop_after_pos(tokens), size)

    def run(self, backbone: Any, stage: int, maps: Tensor) -> Tensor:
        """See :class:`BackboneStages`."""
        tokens, size = _to_tokens(maps)
        if stage > 0 and not self.merges_at_end(backbone):
            tokens, size = backbone.stages[stage - 1].downsample(tokens, size)
        for block in backbone.stages[stage].blocks:
            tokens = block(tokens, size)
        is_last = stage + 1 == self.num_stages(backbone)
        if self.merges_at_end(backbone) and not is_last:
            tokens, size = backbone.stages[stage].downsample(tokens, size)
        return _to_maps(tokens, size)

    def output(self, backbone: Any, stage: int, maps: Tensor) -> Tensor:
        """See :class:`BackboneStages`."""
        tokens, size = _to_tokens(maps)
        tokens = getattr(backbone, f"norm{stage}")(tokens)
        return _to_maps(tokens, size).contiguous()

    def merges_at_end(self, backbone: Any) -> bool:
        """Whether a stage's output is the map after merging patches.

        Args:
            backbone: A backbone of the family.
        """
        del backbone
        return False

    def positions(self, backbone: Any, size: Size) -> Tensor:
        """Absolute position embeddings.

        Args:
            backbone: A backbone of the family that has them.
            size: Size of the stem's map.

        Returns:
            ``(1, H*W, C)``.
        """
        del size
        embeddings: Tensor = backbone.absolute_pos_embed
        return embeddings


class PretrainSwinStages(SwinStages):
    """mmpretrain's: outputs before or after merging, positions resized."""

    def merges_at_end(self, backbone: Any) -> bool:
        """See :class:`SwinStages`."""
        return bool(backbone.out_after_downsample)

    def positions(self, backbone: Any, size: Size) -> Tensor:
        """See :class:`SwinStages`."""
        # Imported here: mmris works without mmpretrain as long as no part of it is
        # used, and a backbone of mmpretrain is at hand when this runs.
        from mmpretrain.models.utils import (  # type: ignore[import-untyped] # noqa: PLC0415
            resize_pos_embed,  # mmpretrain ships no types
        )

        resized: Tensor = resize_pos_embed(
            backbone.absolute_pos_embed,
            backbone.patch_resolution,
            size,
            backbone.interpolate_mode,
            backbone.num_extra_tokens,
        )
        return resized
