"""SHNet's mask decoders, every dilated tap visited, one expression at a time."""

import torch

from tests.references.convolution import convolve, normalise, tile
from tests.references.fpn import bilinear


def block(level, conv, norm, dilation=1):
    seen = convolve(level, conv.weight, conv.bias, dilation=dilation)
    return normalise(seen, norm).clamp(min=0)


def aspp(module, level, dilations):
    looks = [
        block(level, branch.conv, branch.norm, dilation)
        for branch, dilation in zip(module.branches, dilations)
    ]
    mean = level.flatten(1).mean(dim=1)[:, None, None]
    pooled = block(mean, module.pooled.conv, module.pooled.norm)
    looks.append(tile(pooled[:, 0, 0], level))
    return block(torch.cat(looks), module.mix.conv, module.mix.norm)


def doubled(level, doubling):
    convolution, norm, _ = doubling[0]
    level = block(level, convolution, norm)
    return bilinear(level, (2 * level.shape[1], 2 * level.shape[2]))


def conv_upsample(decoder, level, dilations):
    level = aspp(decoder.aspp, level, dilations)
    for doubling in decoder.upsample:
        level = doubled(level, doubling)
    return convolve(level, decoder.score.weight, decoder.score.bias)


def deep_upsample(decoder, level, dilations):
    level = aspp(decoder.aspp, level, dilations)
    for doubling in decoder.upsample:
        level = doubled(level, doubling)
    for convolution, norm, _ in (decoder.refine[0], decoder.refine[2]):
        level = block(level, convolution, norm)
    return convolve(level, decoder.score.weight, decoder.score.bias)
