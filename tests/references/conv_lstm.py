"""The LSTM over levels, from a zero state and without any shortcut."""

import torch

from tests.references.fpn import bilinear


def normalise(values, weight, bias):
    """One mean and one variance over channels and positions of (C, H, W)."""
    mean = values.sum() / values.numel()
    variance = (values - mean).square().sum() / values.numel()
    out = torch.zeros_like(values)
    for channel in range(len(values)):
        scaled = (values[channel] - mean) / torch.sqrt(variance + 1e-12)
        out[channel] = weight[channel] * scaled + bias[channel]
    return out


def sigmoid(values):
    return 1 / (1 + torch.exp(-values))


def conv_lstm(aggregation, levels):
    """Levels (C, H_i, W_i) of one expression, finest first: the last state."""
    size, (_, height, width) = aggregation.channels, levels[0].shape
    kernel = aggregation.kernel.weight
    names = ("j", "i", "f", "o")
    norms = {
        name: (
            aggregation.gate_norm.weight[k * size : (k + 1) * size],
            aggregation.gate_norm.bias[k * size : (k + 1) * size],
        )
        for k, name in enumerate(names[:3])
    }
    norms["o"] = (aggregation.output_norm.weight, aggregation.output_norm.bias)
    norms["c"] = (aggregation.cell_norm.weight, aggregation.cell_norm.bias)
    cell = state = levels[0].new_zeros(size, height, width)
    for level in levels:
        inputs = bilinear(level, (height, width))
        gates = {name: torch.zeros_like(cell) for name in names}
        for h in range(height):
            for w in range(width):
                mixed = kernel @ torch.cat([inputs[:, h, w], state[:, h, w]])
                for k, name in enumerate(names):
                    gates[name][:, h, w] = mixed[k * size : (k + 1) * size]
        gates["i"] = gates["i"] + aggregation.peephole_input[:, :, None] * cell
        gates["f"] = gates["f"] + aggregation.peephole_forget[:, :, None] * cell
        for name in ("j", "i", "f"):
            gates[name] = normalise(gates[name], *norms[name])
        cell = cell * sigmoid(gates["f"] + aggregation.forget_bias)
        cell = cell + sigmoid(gates["i"]) * torch.tanh(gates["j"])
        opened = gates["o"] + aggregation.peephole_output[:, :, None] * cell
        opened = normalise(opened, *norms["o"])
        cell = normalise(cell, *norms["c"])
        state = sigmoid(opened) * torch.tanh(cell)
    return state
