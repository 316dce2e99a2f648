"""The initial multimodal feature: what a place looks like, where it is, what was said.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, Eq. (1). The kernels,
norms and activations are those of the released code; the paper is silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from mmris.models.layers import (
    NUM_COORDINATES,
    conv_block,
    coordinate_map,
    unit_length,
)

from .tiled_convolution import tiled_convolution

if TYPE_CHECKING:
    from torch import Tensor


class MultimodalFeature(nn.Module):
    r"""Visual feature, sentence and eight coordinates through a 3x3 convolution.

    With l2 scaling each place to length 1 and :math:`\sigma` batch normalisation and
    PReLU of one slope,

    .. math::
        V = \mathrm{l2}(\sigma(W_v * E)), \qquad
        M = \mathrm{l2}(\sigma(W_m * [V; \mathrm{tile}(h); O]))

    The kernel :math:`W_m` is applied in three parts, and their answers are added: those
    of V and of the coordinates once an image, that of the sentence without tiling it
    (:func:`tiled_convolution`). The result is the same.

    Args:
        in_channels: Channels of E.
        sentence_channels: Channels of h.
        channels: Channels of V and M.
    """

    def __init__(
        self, *, in_channels: int, sentence_channels: int, channels: int
    ) -> None:
        super().__init__()
        self.visual = conv_block(
            in_channels, channels, kernel_size=3, activation=nn.PReLU()
        )
        self.parts = [channels, sentence_channels, NUM_COORDINATES]
        self.joint = nn.Conv2d(
            sum(self.parts), channels, kernel_size=3, padding=1, bias=False
        )
        self.norm = nn.BatchNorm2d(channels)
        self.activation = nn.PReLU()

    def project(self, level: Tensor) -> Tensor:
        """The part that needs no words.

        Args:
            level: E, ``(B, in_channels, H, W)``.

        Returns:
            What :math:`W_m` makes of V and the coordinates, ``(B, channels, H, W)``.
        """
        height, width = level.shape[-2:]
        visual = unit_length(self.visual(level), dim=1)
        place = coordinate_map(height, width, device=visual.device, dtype=visual.dtype)
        of_visual, _, of_place = torch.split(self.joint.weight, self.parts, dim=1)
        seen = functional.conv2d(visual, of_visual, padding=1)
        return seen + functional.conv2d(place[None], of_place, padding=1)

    def fuse(self, projected: Tensor, sentence: Tensor, image_index: Tensor) -> Tensor:
        """Add what the sentence gives.

        Args:
            projected: What :meth:`project` gave for B images.
            sentence: h, ``(N, sentence_channels)``.
            image_index: ``(N,)`` int64, the image of each.

        Returns:
            M, ``(N, channels, H, W)``, each place of length 1, in float32 or longer.
        """
        height, width = projected.shape[-2:]
        _, of_sentence, _ = torch.split(self.joint.weight, self.parts, dim=1)
        said = tiled_convolution(sentence, of_sentence, (height, width))
        joint = self.norm(projected[image_index] + said)  # Eq. (1)
        return unit_length(self.activation(joint), dim=1)
