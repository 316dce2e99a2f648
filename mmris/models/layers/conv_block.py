"""Convolution, normalisation, activation: the block that every decoder is made of."""

from __future__ import annotations

from torch import nn


def conv_block(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int,
    activation: nn.Module | None = None,
) -> nn.Module:
    """A convolution without bias that keeps the size, normalised, then activated.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        kernel_size: Odd size of the kernel.
        activation: What follows the normalisation, such as ``nn.PReLU()``; None for
            ReLU.

    Returns:
        The block, ``(N, in_channels, H, W)`` to ``(N, out_channels, H, W)``.
    """
    return nn.Sequential(
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            padding=kernel_size // 2,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True) if activation is None else activation,
    )
