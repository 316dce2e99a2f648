"""Convolution, batch normalisation, leaky ReLU: the block of JMCELN.

Paper: Huang and Satoh, "Referring Image Segmentation via Joint Mask Contextual
Embedding Learning and Progressive Alignment Network", EMNLP 2023,
https://aclanthology.org/2023.emnlp-main.481/, where it is written as sigma.
"""

from __future__ import annotations

from mmcv.cnn import ConvModule

# The paper gives none; that of MCN (Luo et al., CVPR 2020), whose fusion it repeats.
LEAKY_SLOPE = 0.1


def leaky_block(
    in_channels: int, out_channels: int, *, kernel_size: int = 1, dilation: int = 1
) -> ConvModule:
    """A convolution without bias that keeps the size, normalised, then leaky ReLU.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        kernel_size: Odd size of the kernel.
        dilation: Distance of the kernel's taps.

    Returns:
        The block, ``(N, in_channels, H, W)`` to ``(N, out_channels, H, W)``, with its
        parts ``conv``, ``norm`` and ``activate``.
    """
    return ConvModule(
        in_channels,
        out_channels,
        kernel_size,
        padding=dilation * (kernel_size // 2),
        dilation=dilation,
        norm_cfg={"type": "BN"},
        act_cfg={"type": "LeakyReLU", "negative_slope": LEAKY_SLOPE},
    )
