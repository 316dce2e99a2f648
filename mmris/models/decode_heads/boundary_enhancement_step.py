"""One step of CEFNet's decoder: body and boundary are parted, and put together finer.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, section "Boundary
Enhancement Module", Eq. (9)-(11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from mmris.models.layers import conv_block, resize_to

from .boundary_enhancement_transformer import SpatialTransformer

if TYPE_CHECKING:
    from torch import Tensor


class StepFeatures(NamedTuple):
    r"""What a step from level i down to level i-1 gives for N expressions.

    Attributes:
        features: :math:`S_{i-1}`, ``(N, C', H_{i-1}, W_{i-1})``.
        body: :math:`T(S_i)`, ``(N, C, H_i, W_i)``.
        boundary: :math:`B_i`, of the same shape.
        edge: :math:`\tilde B_{i-1}`, ``(N, C, H_{i-1}, W_{i-1})``.
    """

    features: Tensor
    body: Tensor
    boundary: Tensor
    edge: Tensor


class BoundaryEnhancementStep(nn.Module):
    r"""The step from :math:`S_i` to :math:`S_{i-1}` by the lateral :math:`D_{i-1}`.

    With the spatial transformer T, and up for the resizing to the size of
    :math:`D_{i-1}`,

    .. math::
        B_i &= S_i - T(S_i) \\
        \tilde B_{i-1} &= W [\mathrm{up}(B_i); D_{i-1}] \\
        S_{i-1} &= \mathrm{PReLU}(\mathrm{BN}(\mathrm{Conv}_{3\times3}(
            [\mathrm{up}(S_i); \tilde B_{i-1} + \mathrm{up}(T(S_i))])))

    The boundary is zero as long as the transformer has learned nothing.

    W acts position by position, so its half for the boundary comes before the resizing
    and its half for the lateral before images become expressions: the same numbers for
    less.

    Args:
        channels: C, of :math:`S_i` and of the lateral.
        out_channels: C', of :math:`S_{i-1}`.

    Deviations: none from the equations. Kernel sizes, normalisation and activation, on
    which the paper is silent, are the released code's.
    """

    def __init__(self, *, channels: int, out_channels: int) -> None:
        super().__init__()
        self.transformer = SpatialTransformer(channels=channels)
        self.edge = nn.Conv2d(2 * channels, channels, kernel_size=1, bias=False)
        self.merge = conv_block(
            2 * channels, out_channels, kernel_size=3, activation=nn.PReLU()
        )

    def forward(
        self, above: Tensor, lateral: Tensor, image_index: Tensor | None
    ) -> StepFeatures:
        """Take the step.

        Args:
            above: :math:`S_i`, ``(N, C, H_i, W_i)``.
            lateral: :math:`D_{i-1}`, ``(N, C, H_{i-1}, W_{i-1})``, or with B rows.
            image_index: ``(N,)`` int64, the row of ``lateral`` that each expression
                belongs to, or None if it has N rows.

        Returns:
            The next features and what the losses look at.
        """
        size = lateral.shape[-2:]
        body = self.transformer(above)
        boundary = above - body  # Eq. (9)
        edge = self._edge(boundary, lateral, image_index)  # Eq. (10)
        changed = edge + resize_to(body, size)
        joint = torch.cat([resize_to(above, size), changed], dim=1)
        return StepFeatures(self.merge(joint), body, boundary, edge)  # Eq. (11)

    def _edge(
        self, boundary: Tensor, lateral: Tensor, image_index: Tensor | None
    ) -> Tensor:
        of_boundary, of_lateral = self.edge.weight.chunk(2, dim=1)
        own = functional.conv2d(lateral, of_lateral)
        if image_index is not None:
            own = own[image_index]
        return resize_to(functional.conv2d(boundary, of_boundary), own.shape[-2:]) + own
