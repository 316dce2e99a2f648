"""CMSA's ways to make one map of the levels, one expression and position at a time."""

import torch

from tests.references.fpn import bilinear, conv3x3


def sigmoid(value):
    return 1 / (1 + torch.exp(-value))


def biased_conv3x3(convolution, level):
    return conv3x3(level, convolution.weight) + convolution.bias[:, None, None]


def self_gated(aggregation, levels):
    """The sum of the levels (C, H_i, W_i), each times its gate."""
    size = levels[0].shape[-2:]
    total = 0
    for gate, level in zip(aggregation.gates, levels):
        weighed = torch.zeros_like(level)
        gates = sigmoid(biased_conv3x3(gate, level))
        for h in range(level.shape[1]):
            for w in range(level.shape[2]):
                weighed[:, h, w] = gates[0, h, w] * level[:, h, w]
        total = total + bilinear(weighed, size)
    return total


def region(size, scale, index):
    """First and one past the last row (or column) of a region."""
    return (index * size) // scale, -((-(index + 1) * size) // scale)


def pyramid_pooling(aggregation, scales, levels):
    """The 3x3 convolution of the levels and of what their regions hold."""
    height, width = levels[0].shape[-2:]
    joint = torch.cat([bilinear(level, (height, width)) for level in levels])
    stack = [joint]
    for scale, (_, block) in zip(scales, aggregation.pyramid):
        weight, bias = block.conv.weight[:, :, 0, 0], block.conv.bias
        pooled = joint.new_zeros(len(weight), scale, scale)
        for y in range(scale):
            for x in range(scale):
                top, bottom = region(height, scale, y)
                left, right = region(width, scale, x)
                cells = joint[:, top:bottom, left:right].flatten(1)
                mean = cells.sum(dim=1) / cells.shape[1]
                pooled[:, y, x] = (weight @ mean + bias).clamp(min=0)
        stack.append(bilinear(pooled, (height, width)))
    return biased_conv3x3(aggregation.mix, torch.cat(stack)).clamp(min=0)


def conv_lstm(aggregation, levels):
    """A biased 3x3 kernel on [x; h] and the gates i, f, o, g, one level after another.

    The literal cell: the first step sees a state and a cell of zeros.
    """
    size = levels[0].shape[-2:]
    kernel = torch.cat(
        [aggregation.of_level.weight, aggregation.of_state.weight], dim=1
    )
    channels = aggregation.channels
    state = cell = levels[0].new_zeros(channels, *size)
    for level in levels[::-1] if aggregation.coarsest_first else levels:
        joint = torch.cat([bilinear(level, size), state])
        gates = conv3x3(joint, kernel) + aggregation.of_level.bias[:, None, None]
        opened, forget = sigmoid(gates[:channels]), sigmoid(gates[channels:][:channels])
        output = sigmoid(gates[2 * channels :][:channels])
        cell = forget * cell + opened * torch.tanh(gates[3 * channels :])
        state = output * torch.tanh(cell)
    return state


def deconv(decoder, features):
    """Scatter each position through a 4x4 kernel, normalise, ReLU; then 1x1."""
    layers = list(decoder.enlarge)
    for convolution, norm, _ in zip(layers[::3], layers[1::3], layers[2::3]):
        _, height, width = features.shape
        weight = convolution.weight  # (in, out, 4, 4)
        out = features.new_zeros(weight.shape[1], 2 * height, 2 * width)
        for h in range(height):
            for w in range(width):
                for dy in range(4):
                    for dx in range(4):
                        y, x = 2 * h + dy - 1, 2 * w + dx - 1
                        if 0 <= y < 2 * height and 0 <= x < 2 * width:
                            out[:, y, x] += features[:, h, w] @ weight[:, :, dy, dx]
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        out = (out - norm.running_mean[:, None, None]) * scale[:, None, None]
        features = (out + norm.bias[:, None, None]).clamp(min=0)
    logits = torch.einsum("i,ihw->hw", decoder.score.weight[0, :, 0, 0], features)
    return logits[None] + decoder.score.bias
