"""SHNet's ways of bringing levels together, one expression at a time, words tiled."""

import torch

from tests.references.convolution import convolve, normalise, tile
from tests.references.fpn import bilinear


def mean_of(words):
    """The mean of words (T, C), all of them real."""
    return sum(words) / len(words)


def hierarchical(exchange, levels, words):
    """HCAM: each gate from the level and the tiled mean word of the other."""
    out = []
    for i, target in enumerate(levels):
        total = target
        for j, source in enumerate(levels):
            if j != i:
                pair = torch.cat([target, tile(mean_of(words[j]), target)])
                conv = exchange.convs[i]
                seen = convolve(pair, conv.weight, conv.bias)
                gate = 1 / (1 + torch.exp(-normalise(seen, exchange.norms[i])))
                total = total + gate * bilinear(source, target.shape[-2:])
        out.append(total)
    return out


def concatenated(aggregation, levels, words):
    """All levels in one column a place, mixed, and the mean word below."""
    size = levels[0].shape[-2:]
    column = torch.cat([bilinear(level, size) for level in levels])
    mixed = convolve(column, aggregation.mix.weight, aggregation.mix.bias)
    return torch.cat([mixed, tile(mean_of(words[0]), mixed)])


def conv3d(aggregation, levels):
    """Kernel slice d meets level d; the slices are added up."""
    size, weight = levels[0].shape[-2:], aggregation.conv.weight
    total = 0
    for depth, level in enumerate(levels):
        total = total + convolve(bilinear(level, size), weight[:, :, depth])
    total = total + aggregation.conv.bias[:, None, None]
    total = normalise(total, aggregation.norm)
    return torch.where(total > 0, total, 0.01 * total)


def channel_gated(exchange, levels):
    """MGATE: candidate, memory and reset gate, in this order, from one convolution."""
    out = []
    for i, level in enumerate(levels):
        channels, height, width = level.shape
        conv = exchange.convs[i]
        three = convolve(level, conv.weight, conv.bias)
        candidate = three[:channels]
        memory = 1 / (1 + torch.exp(-(three[channels : 2 * channels] + 1)))
        reset = 1 / (1 + torch.exp(-(three[2 * channels :] + 1)))
        others = [x for j, x in enumerate(levels) if j != i]
        joint = (1 - memory) * candidate
        for other in others:
            joint = joint + memory * bilinear(other, (height, width)) / len(others)
        out.append(reset * torch.tanh(joint) + (1 - reset) * level)
    return out


def bidirectional(aggregation, levels, words):
    """GBFM on three levels, the merges written out."""
    size, meet = levels[0].shape[-2:], aggregation.meet
    x = []
    for level, own in zip(levels, words):
        resized = bilinear(level, size)
        pair = torch.cat([resized, tile(mean_of(own), resized)])
        x.append(convolve(pair, meet.weight, meet.bias).clamp(min=0))
    first, _, second, _ = aggregation.gate

    def gate(a, b):
        both = convolve(torch.cat([a, b]), first.weight, first.bias).clamp(min=0)
        opened = 1 / (1 + torch.exp(-convolve(both, second.weight, second.bias)))
        return opened * a + b

    left = gate(gate(x[2], x[1]), gate(x[1], x[0]))
    right = gate(gate(x[0], x[1]), gate(x[1], x[2]))
    return convolve(left + right, aggregation.smooth.weight, aggregation.smooth.bias)
