"""CEFNet's decoder without its boundary enhancement: a pyramid walked down.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, the rows of Table 3
without BEM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mmris.models.layers import conv_block, resize_to
from mmris.registry import MODELS
from mmris.structures import MaskOutput

from ._mask_scores import MaskScores
from ._top_down_laterals import (
    TopDownLaterals,
    index_of_rows,
    lateral_channels,
    width_below,
)
from .ref_decode_head import RefDecodeHead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmris.structures import FusedFeatures, FusedSpec


@MODELS.register_module()
class TopDownDecodeHead(RefDecodeHead):
    r"""Each level is joined to what comes from above, down to the finest one.

    With the laterals :math:`D_k` and :math:`S_L` of :class:`BoundaryEnhancementHead`,
    and up for the resizing to the size of :math:`D_k`,

    .. math::
        S_k = \mathrm{PReLU}(\mathrm{BN}(\mathrm{Conv}_{3\times3}(
            [\mathrm{up}(S_{k+1}); D_k])))

    The logits of :math:`S_1` are the mask. In training there are ``mask_2`` from
    :math:`S_2` and so on, meant for a loss each.

    Args:
        in_features: What the neck gives, two levels or more; from the segmentor.
        channels: Widths of the laterals, finest level first; None for 32, 64, 128 and
            so on, those of the released code, which has five levels.

    Raises:
        ValueError: There is only one level, or not one width a level.

    Deviations: the paper says no more than that a feature pyramid replaces BEM. Here
    all that does not belong to BEM is as with it: laterals, widths, the convolution of
    Eq. (11), and the losses on masks.
    """

    def __init__(
        self, *, in_features: FusedSpec, channels: Sequence[int] | None = None
    ) -> None:
        super().__init__(in_features=in_features)
        widths = lateral_channels(in_features, channels, type(self).__name__)
        self.laterals = TopDownLaterals(
            in_channels=in_features.channels, channels=widths
        )
        self.merge = nn.ModuleList(
            conv_block(
                2 * width,
                width_below(widths, level),
                kernel_size=3,
                activation=nn.PReLU(),
            )
            for level, width in enumerate(widths[:-1])
        )
        self.mask_scores = MaskScores(channels=widths)
        self.aux_names = self.mask_scores.names

    def forward(self, fused: FusedFeatures) -> MaskOutput:
        """Decode.

        Args:
            fused: Levels of N expressions.

        Returns:
            N mask logits at the size of the finest level and, in training, those of the
            coarser levels, each at its own size.
        """
        laterals, features = self.laterals(fused)
        maps = []  # coarsest first
        for level in reversed(range(len(laterals))):
            lateral, index = laterals[level], index_of_rows(fused, level)
            if index is not None:
                lateral = lateral[index]
            above = resize_to(features, lateral.shape[-2:])
            features = self.merge[level](torch.cat([above, lateral], dim=1))
            maps.append(features)
        logits = self.mask_scores(features)
        coarser = self.mask_scores.coarser(maps[-2::-1]) if self.training else {}
        return MaskOutput(logits, coarser)
