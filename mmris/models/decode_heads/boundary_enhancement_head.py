"""CEFNet's decoder: from the coarsest level down, with attention to the boundary.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, section "Boundary
Enhancement Module" (BEM), Eq. (9)-(11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import nn

from mmris.registry import MODELS
from mmris.structures import MaskOutput

from ._mask_scores import MaskScores, score_block
from ._top_down_laterals import (
    TopDownLaterals,
    index_of_rows,
    lateral_channels,
    width_below,
)
from .boundary_enhancement_step import BoundaryEnhancementStep, StepFeatures
from .ref_decode_head import RefDecodeHead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from mmris.structures import FusedFeatures, FusedSpec

_LOGGED = "boundary_feature_"


@MODELS.register_module()
class BoundaryEnhancementHead(RefDecodeHead):
    r"""A step of boundary enhancement from each level down to the next finer one.

    Laterals :math:`D_1` (finest) to :math:`D_L` are made of the levels, a second
    convolution of :math:`D_L` is :math:`S_L`, and the steps, see
    :class:`BoundaryEnhancementStep`, lead to :math:`S_1`, whose logits are the mask.

    In training each step from level k+1 down to level k has three outputs of its own,
    meant for a loss each: ``mask_k`` from :math:`S_k` (``mask_1`` is the ``logits``),
    ``body_k`` from the transformed :math:`S_{k+1}`, which shall be the mask as well,
    and ``boundary_k`` from :math:`\tilde B_k`, which shall be its contour, see
    :class:`BoundaryLoss`. In evaluation they are not computed.

    The boundary features of Eq. (9) are zero at the start and stay so if the spatial
    transformers do not learn, which no loss shows: the mean of :math:`|B_{k+1}|` is
    logged as ``boundary_feature_k``.

    Args:
        in_features: What the neck gives, two levels or more; from the segmentor.
        channels: Widths of the laterals, finest level first; None for 32, 64, 128 and
            so on, those of the released code, which has five levels.

    Raises:
        ValueError: There is only one level, or not one width a level.

    Deviations: none from the equations; the widths, and the steps' and outputs' kernels
    are the released code's. That code computes the last convolution twice and throws
    one result away; here it is computed once. Any number of levels may be given, of any
    sizes: the paper has five, of ResNet's stem and stages.
    """

    def __init__(
        self, *, in_features: FusedSpec, channels: Sequence[int] | None = None
    ) -> None:
        super().__init__(in_features=in_features)
        widths = lateral_channels(in_features, channels, type(self).__name__)
        self.laterals = TopDownLaterals(
            in_channels=in_features.channels, channels=widths
        )
        targets = range(len(widths) - 1)
        self.steps = nn.ModuleList(
            BoundaryEnhancementStep(
                channels=widths[level], out_channels=width_below(widths, level)
            )
            for level in targets
        )
        self.mask_scores = MaskScores(channels=widths)
        self.body_scores = nn.ModuleList(
            score_block(widths[level], width_below(widths, level)) for level in targets
        )
        self.boundary_scores = nn.ModuleList(
            score_block(widths[level], width_below(widths, level)) for level in targets
        )
        self.aux_names = (
            *self.mask_scores.names,
            *(f"body_{level + 1}" for level in targets),
            *(f"boundary_{level + 1}" for level in targets),
        )

    def forward(self, fused: FusedFeatures) -> MaskOutput:
        """Decode.

        Args:
            fused: Levels of N expressions.

        Returns:
            N mask logits at the size of the finest level and, in training, the outputs
            of the steps, each at its own size.
        """
        laterals, features = self.laterals(fused)
        taken: list[StepFeatures] = []  # coarsest first
        steps = cast("list[BoundaryEnhancementStep]", list(self.steps))
        for level in reversed(range(len(laterals))):
            step = steps[level](features, laterals[level], index_of_rows(fused, level))
            features = step.features
            if self.training:
                taken.append(step)
        logits = self.mask_scores(features)
        return MaskOutput(logits, self.outputs(taken[::-1]) if self.training else {})

    def outputs(self, taken: list[StepFeatures]) -> dict[str, Tensor]:
        """What the losses look at.

        Args:
            taken: What the steps gave, finest first.

        Returns:
            The auxiliary outputs by name.
        """
        outputs = self.mask_scores.coarser([step.features for step in taken[1:]])
        for level, step in enumerate(taken):
            name = level + 1
            outputs[f"body_{name}"] = self.body_scores[level](step.body)
            outputs[f"boundary_{name}"] = self.boundary_scores[level](step.edge)
            outputs[f"{_LOGGED}{name}"] = step.boundary.abs().mean(dim=(1, 2, 3))
        return outputs

    def own_losses(self, output: MaskOutput, masks: Tensor) -> dict[str, Tensor]:
        """No losses, but the size of the boundary features, for the log.

        Args:
            output: What the head gave for N expressions.
            masks: ``(N, H, W)``, 0 or 1.

        Returns:
            ``boundary_feature_k`` of each step; the name does not say loss, so it does
            not count.
        """
        del masks
        return {
            name: value.detach().mean()
            for name, value in output.aux.items()
            if name.startswith(_LOGGED)
        }
