"""Stacks, shares and normalises the pictures of one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from mmengine.model import ImgDataPreprocessor

from mmris.registry import MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@MODELS.register_module()
class RefSegDataPreprocessor(ImgDataPreprocessor):
    """Turns collated items into B images and the image of each of N expressions.

    Items of a training batch that show the same picture share it: the image part of
    the model then runs once for them. Two items share when their ``image_id`` and all
    their pixels are equal, so that differently augmented copies stay apart.

    Args:
        mean: Per channel, after the change of channel order, on the 0 to 255 scale.
        std: Per channel, like ``mean``.
        bgr_to_rgb: Whether to reverse the channels of the pipeline's BGR pictures.
        share_images: Whether items may share a picture in training.

    Raises:
        ValueError: ``mean`` and ``std`` are of pixels from 0 to 1.
    """

    def __init__(
        self,
        *,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        bgr_to_rgb: bool = True,
        share_images: bool = True,
    ) -> None:
        _refuse_unit_scale(mean, std)
        super().__init__(mean=mean, std=std, bgr_to_rgb=bgr_to_rgb)
        self.share_images = share_images

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Prepare one batch.

        Args:
            data: ``inputs``, a list of ``(3, H, W)`` uint8 tensors or a tensor
                ``(B, 3, H, W)``, and ``data_samples``, one for each input.
            training: Whether items may share pictures.

        Returns:
            ``inputs``: ``(B, 3, H, W)`` float, normalised. ``data_samples``: as given,
            on the model's device. ``image_index``: ``(N,)`` int64, the image of each
            expression, items in order.

        Raises:
            ValueError: The pictures differ in size.
        """
        pictures = list(data["inputs"])
        samples = data.get("data_samples")
        _require_equal_sizes(pictures, samples)
        owners = list(range(len(pictures)))
        if training and self.share_images and samples is not None:
            owners, pictures = _share(pictures, samples)
        out: dict[str, Any] = super().forward(
            {"inputs": torch.stack(pictures), "data_samples": samples}, training
        )
        counts = [1] * len(owners)
        if samples is not None:
            counts = [len(sample.expressions) for sample in samples]
        out["image_index"] = torch.tensor(owners, device=self.device).repeat_interleave(
            torch.tensor(counts, device=self.device)
        )
        return out

    def restore_pictures(self, inputs: Tensor) -> Tensor:
        """Undo what :meth:`forward` did to pictures.

        Args:
            inputs: Normalised, ``(B, 3, H, W)``, in the channel order of the model.

        Returns:
            ``(B, 3, H, W)`` uint8, RGB; padding of the pipeline is part of it.
        """
        pictures = inputs.float()
        if self._enable_normalize:
            pictures = pictures * self.std + self.mean
        if not self._channel_conversion:  # the model sees the pipeline's BGR
            pictures = pictures.flip(1)
        return pictures.round().clamp(0, 255).to(torch.uint8)


def _refuse_unit_scale(
    mean: Sequence[float] | None, std: Sequence[float] | None
) -> None:
    """Other libraries print these numbers for pixels from 0 to 1."""
    if mean and std and max(mean) <= 1 and max(std) < 1:
        raise ValueError(
            f"model.data_preprocessor has mean {tuple(mean)} and std {tuple(std)}, "
            "which are for pixels from 0 to 1; here they go from 0 to 255: multiply "
            "both by 255"
        )


def _require_equal_sizes(pictures: list[Tensor], samples: Any) -> None:
    sizes = [tuple(picture.shape[-2:]) for picture in pictures]
    if len(set(sizes)) <= 1:
        return
    odd = next(index for index, size in enumerate(sizes) if size != sizes[0])
    name = samples[odd].metainfo.get("img_path", "") if samples else ""
    raise ValueError(
        f"the pictures of a batch differ in size: {sizes[0]} and {sizes[odd]} "
        f"(item {odd} {name}). Add RefResize with one size to the pipeline"
    )


def _share(pictures: list[Tensor], samples: Any) -> tuple[list[int], list[Tensor]]:
    """Position among the kept pictures for each item, and the kept pictures."""
    owners: list[int] = []
    kept: list[Tensor] = []
    by_image: dict[Any, list[int]] = {}
    for picture, sample in zip(pictures, samples, strict=True):
        image_id = sample.metainfo.get("image_id")
        same = by_image.setdefault(image_id, []) if image_id is not None else []
        owner = next((k for k in same if torch.equal(kept[k], picture)), None)
        if owner is None:
            owner = len(kept)
            kept.append(picture)
            same.append(owner)
        owners.append(owner)
    return owners, kept
