r"""The spatial transformer that moves the body of an object away from its boundary.

Paper: Feng et al., "Encoder Fusion Network with Co-Attention Embedding for Referring
Image Segmentation", CVPR 2021, https://arxiv.org/abs/2105.01839, section "Boundary
Enhancement Module"; after Jaderberg et al., "Spatial Transformer Networks", NeurIPS
2015, https://arxiv.org/abs/1506.02025, Sec. 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmris.models.layers import at_least_float32, no_autocast, resize_to

_HIDDEN_CHANNELS = 32


class SpatialTransformer(nn.Module):
    r"""One affine map for each expression, and the features sampled there.

    .. math::
        d = g(g(S)), \qquad
        z = \mathrm{mean}_{positions}\, \mathrm{Conv}_{3\times3}([S; \mathrm{up}(d)]),
        \qquad
        \theta = I + W_2\, \mathrm{ReLU}(W_1 z + b_1) + b_2

    with g a depthwise 3x3 convolution of stride 2, batch normalisation and ReLU. What
    is outside of the map is sampled as zero.

    The mean of a zero-padded convolution needs no convolution: each tap sees the whole
    map but for the row and the column that it shifts out, so it is the product of the
    taps with nine sums a channel. The same numbers, at :math:`1/(HW)` of the cost.

    Args:
        channels: Of the features.

    Deviations: the paper names the transformer only; its form is the released code's.
    There theta is the bias of the last layer, which weight decay would shrink towards a
    zoom; here the identity is fixed and what is added to it, zero at the start, is
    learned. A bias of g, lost in the normalisation, is left out. Theta, the grid and
    the sampling are in float32 also under autocast: short numbers move the features by
    parts of a position.
    """

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.down = nn.Sequential(_halving(channels), _halving(channels))
        self.mix = nn.Conv2d(2 * channels, channels, 3, padding=1, bias=False)
        self.hidden = nn.Linear(channels, _HIDDEN_CHANNELS)
        self.delta = nn.Linear(_HIDDEN_CHANNELS, 6)
        nn.init.zeros_(self.delta.weight)
        nn.init.zeros_(self.delta.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Transform.

        Args:
            features: ``(N, C, H, W)``.

        Returns:
            Of the same shape; the features themselves, but for rounding, as long as
            nothing is learned.
        """
        theta = self.theta(features)
        features = at_least_float32(features)
        with no_autocast(features):
            return functional.grid_sample(
                features,
                _affine_grid(theta, features),
                mode="bilinear",
                padding_mode="zeros",
                align_corners=False,
            )

    def theta(self, features: Tensor) -> Tensor:
        """The affine map from places in the result to places in the features.

        Args:
            features: ``(N, C, H, W)``.

        Returns:
            ``(N, 2, 3)``, for columns x and rows y from -1 to 1 and the constant 1.
        """
        context = resize_to(self.down(features), features.shape[-2:])
        # Of the concatenation, which is not made.
        sums = torch.cat([_nine_sums(features), _nine_sums(context)], dim=1)
        with no_autocast(sums):
            total = functional.linear(sums.flatten(1), self.mix.weight.flatten(1))
            pooled = total / (features.shape[-2] * features.shape[-1])  # (N, C)
            delta: Tensor = self.delta(torch.relu(self.hidden(pooled)))  # (N, 6)
        identity = torch.eye(2, 3, device=delta.device, dtype=delta.dtype)
        return identity + delta.view(-1, 2, 3)


def _halving(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(
            channels,
            channels,
            kernel_size=3,
            stride=2,
            padding=1,
            groups=channels,
            bias=False,
        ),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _nine_sums(features: Tensor) -> Tensor:
    """Per tap of a zero-padded 3x3 kernel, the sum of what it sees.

    Args:
        features: ``(N, C, H, W)``.

    Returns:
        ``(N, C, 3, 3)``, in float32 or longer.
    """
    features = at_least_float32(features)
    rows = _three_sums(features)  # (N, C, 3, W)
    return _three_sums(rows.transpose(2, 3)).transpose(2, 3)


def _three_sums(features: Tensor) -> Tensor:
    """The sum over the third axis without the last, of all, and without the first."""
    total = features.sum(dim=2)
    return torch.stack(
        [total - features[:, :, -1], total, total - features[:, :, 0]], dim=2
    )


def _affine_grid(theta: Tensor, like: Tensor) -> Tensor:
    """Torch's ``affine_grid``, which an exported program fixes to one size of maps.

    Args:
        theta: ``(N, 2, 3)``.
        like: ``(N, C, H, W)``.

    Returns:
        Where each position looks, x and y from -1 to 1, ``(N, H, W, 2)``.
    """
    height, width = like.shape[-2:]
    y, x = (
        (2 * torch.arange(length, device=like.device, dtype=theta.dtype) + 1) / length
        - 1
        for length in (height, width)
    )
    x, y = x.expand(height, width), y[:, None].expand(height, width)
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1)  # (H, W, 3)
    return (places @ theta[:, None].transpose(2, 3)).to(like.dtype)
