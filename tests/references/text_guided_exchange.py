"""Text-guided feature exchange: one position of one level of one round at a time."""

import torch

from tests.references.fpn import bilinear


def gate_of(gate, level, sentence, key_bias=0.0):
    """The gate (C,) of one level (C, H, W)."""
    channels, height, width = level.shape
    query = gate.query.weight @ sentence + gate.query.bias
    cells = [level[:, h, w] for h in range(height) for w in range(width)]
    scores = [
        ((gate.key.weight @ cell + key_bias) @ query) / channels**0.5 for cell in cells
    ]
    largest = max(scores)
    total = sum((score - largest).exp() for score in scores)
    pooled = 0
    for score, cell in zip(scores, cells):
        pooled = pooled + (score - largest).exp() / total * cell
    context = gate.context.weight @ torch.cat([pooled, sentence]) + gate.context.bias
    return 1 / (1 + torch.exp(-context))


def text_guided_exchange(exchange, levels, sentences, order=None, key_bias=0.0):
    """Levels (C, H_i, W_i) of one expression after all rounds.

    Shares only weights with the exchange. ``order`` is that in which the levels of a
    round are updated, ``key_bias`` what is added to every key.
    """
    for gates in exchange.rounds:
        after = list(levels)
        for i in order or range(len(levels)):
            level = levels[i]
            _, height, width = level.shape
            gate = gate_of(gates[i], level, sentences[i], key_bias)
            for j, other in enumerate(levels):
                if j != i:
                    resized = bilinear(other, (height, width))
                    after[i] = after[i].clone()
                    for h in range(height):
                        for w in range(width):
                            after[i][:, h, w] += gate * resized[:, h, w]
        levels = after
    return levels
