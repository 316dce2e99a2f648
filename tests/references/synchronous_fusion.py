"""SHNet's SFM as printed: one level, one token, one head at a time."""

import math

import torch

from tests.references.convolution import convolve, normalise


def to_grid(grid, level):
    """Adaptive max-pooling to twice the grid, a strided convolution, a leaky ReLU."""
    channels, height, width = level.shape
    rows, columns = 2 * grid.grid_size[0], 2 * grid.grid_size[1]
    pooled = level.new_zeros(channels, rows, columns)
    for y in range(rows):
        top, bottom = y * height // rows, -(-(y + 1) * height // rows)
        for x in range(columns):
            left, right = x * width // columns, -(-(x + 1) * width // columns)
            window = level[:, top:bottom, left:right]
            pooled[:, y, x] = window.flatten(1).max(dim=1).values
    maps = convolve(pooled, grid.conv.weight, grid.conv.bias, stride=2)
    maps = normalise(maps, grid.norm)
    return torch.where(maps > 0, maps, 0.01 * maps)


def wave(position, channel, channels):
    """Channel of a sinusoidal position: even ones sine, odd ones cosine."""
    angle = position / 10000 ** (2 * (channel // 2) / channels)
    return math.sin(angle) if channel % 2 == 0 else math.cos(angle)


def positions(height, width, length, channels):
    """Of the cells, row by row, then of the words: (P + T, C)."""
    half, rows = channels // 2, []
    for y in range(height):
        for x in range(width):
            column = [wave(x, c, half) for c in range(half)]
            rows.append(column + [wave(y, c, half) for c in range(half)])
    for t in range(length):
        rows.append([wave(t, c, channels) for c in range(channels)])
    return torch.tensor(rows, dtype=torch.float64)


def layer_norm(vector, norm):
    centred = vector - vector.mean()
    scale = torch.sqrt(centred.square().mean() + norm.eps)
    return centred / scale * norm.weight + norm.bias


def multi_head(layer, queries, keys, values):
    """Each head over its share of the channels, the heads side by side, one matrix."""
    queries = [layer.query(x) for x in queries]
    keys = [layer.key(x) for x in keys]
    values = [layer.value(x) for x in values]
    share = len(queries[0]) // layer.num_heads
    out = []
    for query in queries:
        heads = []
        for head in range(layer.num_heads):
            part = slice(head * share, (head + 1) * share)
            scores = [query[part] @ key[part] / math.sqrt(share) for key in keys]
            weights = [torch.exp(score) for score in scores]
            mixed = sum(w * v[part] for w, v in zip(weights, values))
            heads.append(mixed / sum(weights))
        out.append(layer.output(torch.cat(heads)))
    return out


def printed(layer, tokens, position):
    """Eq. (1): LN of all tokens, plus positions, then attention; nothing else."""
    tokens = [layer_norm(x, layer.norm) + p for x, p in zip(tokens, position)]
    return multi_head(layer, tokens, tokens, tokens)


def released(layer, tokens, position):
    """The code's block: residuals, a feed-forward part, no positions in values."""
    norm, inner, _, _, outer, _ = layer.ffn
    plain = [layer_norm(x, layer.norm) for x in tokens]
    placed = [x + p for x, p in zip(plain, position)]
    heard = multi_head(layer, placed, placed, plain)
    tokens = [x + y for x, y in zip(tokens, heard)]
    return [x + outer(inner(layer_norm(x, norm)).clamp(min=0)) for x in tokens]


def fuse(neck, levels, words, block=printed):
    """Maps (C, H, W) and words (T, C) a level, for one image and one expression."""
    height, width = neck.grid_size
    position = positions(height, width, len(words), neck.channels)
    maps, texts = [], []
    for grid, level in zip(neck.levels, levels):
        cells = to_grid(grid, level)
        tokens = [cells[:, h, w] for h in range(height) for w in range(width)]
        tokens = tokens + [neck.words(word) for word in words]
        for layer in neck.layers:
            tokens = block(layer, tokens, position)
        if block is released:
            tokens = [layer_norm(x, neck.norm) for x in tokens]
        fused = torch.zeros_like(cells)
        for h in range(height):
            for w in range(width):
                fused[:, h, w] = tokens[h * width + w]
        maps.append(fused)
        texts.append(torch.stack(tokens[height * width :]))
    return maps, texts
