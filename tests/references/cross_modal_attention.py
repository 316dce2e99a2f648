"""Cross-modal self-attention as printed: a double loop over all word-pixel pairs."""

import torch


def place_of(h, w, height, width):
    """Left, top, right, bottom and centre of a cell, from -1 to 1, and its size."""
    left, right = 2 * w / width - 1, 2 * (w + 1) / width - 1
    top, bottom = 2 * h / height - 1, 2 * (h + 1) / height - 1
    middle = [(left + right) / 2, (top + bottom) / 2]
    return [left, top, right, bottom, *middle, 1 / width, 1 / height]


def cross_modal_attention(block, visual, words):
    """One image's level (C, H, W) and the valid words (T, C_t) of one expression.

    Shares nothing with the block but its weights.
    """
    height, width = visual.shape[-2:]
    cells = [(h, w) for h in range(height) for w in range(width)]
    pairs = []  # f_pn by (p, n)
    for h, w in cells:
        pixel = visual[:, h, w] / visual[:, h, w].square().sum().sqrt()
        place = visual.new_tensor(place_of(h, w, height, width))
        for word in words:
            pairs.append(torch.cat([pixel, word / word.square().sum().sqrt(), place]))
    queries = [block.query.weight @ pair for pair in pairs]
    keys = [block.key.weight @ pair for pair in pairs]
    values = [block.value.weight @ pair for pair in pairs]

    out = visual.new_zeros(block.out_channels, height, width)
    for p, (h, w) in enumerate(cells):
        mean = 0
        for n in range(len(words)):
            query = queries[p * len(words) + n]
            scores = torch.stack([(query * key).sum() for key in keys])
            shares = (scores - scores.max()).exp()
            shares = shares / shares.sum()
            attended = sum(a * v for a, v in zip(shares, values))
            pair = pairs[p * len(words) + n]
            mean = mean + (block.output.weight @ attended + pair) / len(words)
        mixed = block.reduce.weight @ mean + block.reduce.bias
        out[:, h, w] = mixed.clamp(min=0)
    return out
