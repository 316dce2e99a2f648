"""MMSegmentation's decode heads behind the interface of this toolbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmris.models.layers import resize_to
from mmris.models.parts import build_at
from mmris.registry import MODELS
from mmris.structures import MaskOutput

from .mmseg_head_config import complete_head_config
from .ref_decode_head import RefDecodeHead

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mmris.structures import FusedFeatures, FusedSpec

FIRST_LOGITS = "first_logits"


@MODELS.register_module()
class MMSegDecodeHead(RefDecodeHead):
    """Any of a tested list of mmseg's decode heads, with one logit a pixel.

    Supported are FCNHead, DepthwiseSeparableFCNHead, PSPHead, ASPPHead,
    DepthwiseSeparableASPPHead, UPerHead, SegformerHead, FPNHead (that of Semantic FPN)
    and OCRHead. Channels, strides, number of classes and the loss are filled in; the
    rest of the config is the head's own. Levels that the head does not read get no
    gradient: name those it does in ``model.neck.in_indices`` or
    ``model.backbone.out_indices`` and all parameters are trained.

    OCRHead wants the coarse masks of another head, ``first_head``. It weighs regions
    against each other, which a single one leaves nothing to do: it is given the object
    and its background, as the two logits -z/2 and z/2 whose softmax is the sigmoid of
    the coarse logit z. The coarse logits are the auxiliary output ``first_logits``, for
    a loss of their own.

    Args:
        in_features: What the neck gives; from the segmentor.
        head: Config of the head, without scope or with ``mmseg.``. ``in_index`` counts
            the neck's levels and is all of them (or, for heads that read one level, the
            last) if left out.
        first_head: Config of the head whose masks OCRHead refines; None for others.
        use_head_loss: Whether the heads' own losses are used, besides those of
            ``model.losses``. The ground truth goes to them as one sample a mask; their
            ``acc_seg`` is dropped: with one logit it is the share of background.

    Raises:
        ValueError: A head that is not supported, options that do not fit the levels or
            are this adapter's to choose, a ``first_head`` missing or too many.
    """

    def __init__(
        self,
        *,
        in_features: FusedSpec,
        head: dict[str, Any],
        first_head: dict[str, Any] | None = None,
        use_head_loss: bool = False,
    ) -> None:
        super().__init__(in_features=in_features)
        config = complete_head_config(
            head, in_features, key="head", use_head_loss=use_head_loss
        )
        self.used_levels = _used_levels(config)
        self.finest_level = _as_list(config["in_index"])[0]
        self.refines = config["type"] == "mmseg.OCRHead"
        if self.refines != (first_head is not None):
            raise ValueError(
                f"model.decode_head.head is {config['type']} and first_head is "
                f"{'missing' if first_head is None else 'given'}; OCRHead wants one "
                "(for example an FCNHead), no other head does"
            )
        self.first_head: nn.Module | None = None
        if first_head is not None:
            first = complete_head_config(
                first_head, in_features, key="first_head", use_head_loss=use_head_loss
            )
            if first["type"] == "mmseg.OCRHead":
                raise ValueError(
                    "model.decode_head.first_head is an OCRHead, which wants a first "
                    "head itself; choose another one"
                )
            self.used_levels |= _used_levels(first)
            self.first_head = build_at("model.decode_head.first_head", first)
            self.aux_names = (FIRST_LOGITS,)
        self.head: nn.Module = build_at("model.decode_head.head", config)
        self.has_own_losses = use_head_loss

    def forward(self, fused: FusedFeatures) -> MaskOutput:
        """Decode.

        Args:
            fused: Levels of N expressions.

        Returns:
            N mask logits at the head's size, and for OCRHead the coarse ones.
        """
        # A level that nobody reads is not copied for every expression.
        levels = [
            fused[index] if index in self.used_levels else fused.maps[index]
            for index in range(len(fused))
        ]
        if self.first_head is None:
            return MaskOutput(self.head(levels), {})
        coarse = self.first_head(levels)  # (N, 1, h, w)
        finest = levels[self.finest_level]
        half = resize_to(coarse, finest.shape[-2:]) / 2
        regions = torch.cat([-half, half], dim=1)  # (N, 2, h, w)
        return MaskOutput(self.head(levels, regions), {FIRST_LOGITS: coarse})

    def own_losses(self, output: MaskOutput, masks: Tensor) -> dict[str, Tensor]:
        """What the heads' configs say of losses, if they are used.

        Args:
            output: What the head gave for N expressions.
            masks: ``(N, H, W)``, 0 or 1.

        Returns:
            ``head_loss_ce`` and, for OCRHead, ``first_head_loss_ce``, named after the
            heads' own ``loss_name``.
        """
        if not self.has_own_losses:
            return {}
        samples = [_one_mask_sample(mask) for mask in masks]
        losses = _prefixed("head", self.head, output.logits, samples)
        if self.first_head is not None:
            coarse = output.named(FIRST_LOGITS)
            losses |= _prefixed("first_head", self.first_head, coarse, samples)
        return losses


def _as_list(index: int | list[int]) -> list[int]:
    return [index] if isinstance(index, int) else index


def _used_levels(config: dict[str, Any]) -> frozenset[int]:
    used = frozenset(_as_list(config["in_index"]))
    # The head of DeepLabV3+ reads the finest level besides.
    return used | {0} if "c1_in_channels" in config else used


def _one_mask_sample(mask: Tensor) -> SegDataSample:
    sample = SegDataSample()
    sample.gt_sem_seg = PixelData(data=mask[None].long())
    return sample


def _prefixed(
    prefix: str, head: Any, logits: Tensor, samples: list[SegDataSample]
) -> dict[str, Tensor]:
    losses: dict[str, Tensor] = head.loss_by_feat(logits, samples)
    return {
        f"{prefix}_{name}": value for name, value in losses.items() if name != "acc_seg"
    }
