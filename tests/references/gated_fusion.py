"""Gated fusion of levels as printed: one position of one level at a time."""

import torch

from tests.references.fpn import bilinear


def gate_maps(convolution, level):
    """Memory and reset gate: a 3x3 convolution, zero-padded, then a sigmoid."""
    _, height, width = level.shape
    gates = level.new_zeros(2, height, width)
    for gate in range(2):
        for h in range(height):
            for w in range(width):
                value = convolution.bias[gate]
                for dh in (-1, 0, 1):
                    for dw in (-1, 0, 1):
                        if 0 <= h + dh < height and 0 <= w + dw < width:
                            kernel = convolution.weight[gate, :, dh + 1, dw + 1]
                            value = value + kernel @ level[:, h + dh, w + dw]
                gates[gate, h, w] = 1 / (1 + torch.exp(-value))
    return gates


def gated_fusion(exchange, levels):
    """Levels (C, H_i, W_i) of one expression; shares only weights with the exchange."""
    gates = [gate_maps(conv, level) for conv, level in zip(exchange.gates, levels)]
    out = []
    for i, target in enumerate(levels):
        _, height, width = target.shape
        fused = torch.zeros_like(target)
        foreign = []
        for j, source in enumerate(levels):
            if j != i:
                scaled = exchange.gamma[j] * gates[j][0] * source
                foreign.append(bilinear(scaled, (height, width)))
        for h in range(height):
            for w in range(width):
                x, (m, r) = target[:, h, w], gates[i][:, h, w]
                joint = (1 - m) * x + sum(other[:, h, w] for other in foreign)
                fused[:, h, w] = r * torch.tanh(joint) + (1 - r) * x
        out.append(fused)
    return out
