"""LSTM and GRU, one row, one word, one channel at a time, as the papers print them.

Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; Cho et al.
2014 with the reset gate after the product, as PyTorch has it. Weights are those of
PyTorch's layers; their rows hold the gates i, f, g, o and r, z, n one after the other.
"""

import math


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def products(weight, bias, vector):
    """``weight @ vector + bias`` in plain numbers."""
    return [
        sum(w * x for w, x in zip(row, vector, strict=True)) + b
        for row, b in zip(weight.tolist(), bias.tolist(), strict=True)
    ]


def lstm_row(layer, words):
    """States after each word of one row, a list of lists."""
    size = layer.hidden_size
    hidden, cell, states = [0.0] * size, [0.0] * size, []
    for word in words:
        x = products(layer.weight_ih_l0, layer.bias_ih_l0, word)
        h = products(layer.weight_hh_l0, layer.bias_hh_l0, hidden)
        gates = [a + b for a, b in zip(x, h, strict=True)]
        for c in range(size):
            i, f, g, o = (gates[c + k * size] for k in range(4))
            cell[c] = sigmoid(f) * cell[c] + sigmoid(i) * math.tanh(g)
            hidden[c] = sigmoid(o) * math.tanh(cell[c])
        states.append(list(hidden))
    return states


def gru_row(layer, words):
    """States after each word of one row, a list of lists."""
    size = layer.hidden_size
    hidden, states = [0.0] * size, []
    for word in words:
        x = products(layer.weight_ih_l0, layer.bias_ih_l0, word)
        h = products(layer.weight_hh_l0, layer.bias_hh_l0, hidden)
        new = []
        for c in range(size):
            r = sigmoid(x[c] + h[c])
            z = sigmoid(x[c + size] + h[c + size])
            n = math.tanh(x[c + 2 * size] + r * h[c + 2 * size])
            new.append((1 - z) * n + z * hidden[c])
        hidden = new
        states.append(list(hidden))
    return states
