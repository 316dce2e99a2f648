"""JMCELN's equations, one position, window, head and embedding at a time."""

import torch

from tests.references.convolution import convolve, normalise
from tests.references.fpn import bilinear


def leaky(features):
    return torch.where(features >= 0, features, 0.1 * features)


def sigma(level, block):
    """Of a block the convolution, the normalisation and the leaky ReLU."""
    conv = block.conv
    seen = convolve(level, conv.weight, dilation=conv.dilation[0])
    return leaky(normalise(seen, block.norm))


def softmax(scores):
    largest = max(scores)
    shares = [torch.exp(score - largest) for score in scores]
    return [share / sum(shares) for share in shares]


def multiplied_map(neck, levels, sentence):
    """Eqs. (1)-(2) with the sentence (C_s,) at every place and maps concatenated."""
    linear, norm, _ = neck.sentence
    said = linear.weight @ sentence
    said = (
        norm.weight
        * (said - norm.running_mean)
        / torch.sqrt(norm.running_var + norm.eps)
    )
    said = leaky(said + norm.bias)
    seen = [sigma(level, block) for level, block in zip(levels, neck.laterals)]
    fused = seen[-1].clone()
    for h in range(fused.shape[1]):
        for w in range(fused.shape[2]):
            fused[:, h, w] = fused[:, h, w] * said
    for k in range(len(levels) - 2, -1, -1):
        above = bilinear(fused, seen[k].shape[-2:])
        fused = sigma(torch.cat([above, seen[k]]), neck.merges[k])
    return fused


def layer_norm(vector, weight=1.0, bias=0.0):
    mean = vector.mean()
    var = ((vector - mean) ** 2).mean()
    return (vector - mean) / torch.sqrt(var + 1e-5) * weight + bias


def window_attention(part, level):
    """A position attends to those of its window that are inside the map."""
    side, norm, attention = part.window_size, part.norm, part.attention
    channels, height, width = level.shape
    size = channels // attention.num_heads
    token = {}
    for h in range(height):
        for w in range(width):
            plain = layer_norm(level[:, h, w], norm.weight, norm.bias)
            token[h, w] = attention.qkv.weight @ plain + attention.qkv.bias
    out = level.clone()
    for h, w in token:
        inside = [
            (v, u)
            for v, u in token
            if v // side == h // side and u // side == w // side
        ]
        heads = []
        for head in range(attention.num_heads):
            rows = slice(head * size, (head + 1) * size)
            query = token[h, w][:channels][rows]
            scores = []
            for v, u in inside:
                key = token[v, u][channels : 2 * channels][rows]
                place = (h - v + side - 1) * (2 * side - 1) + (w - u + side - 1)
                bias = attention.relative_position_bias_table[place, head]
                scores.append(query @ key / size**0.5 + bias)
            shares = softmax(scores)
            heads.append(
                sum(
                    share * token[place][2 * channels :][rows]
                    for share, place in zip(shares, inside)
                )
            )
        mixed = attention.proj.weight @ torch.cat(heads) + attention.proj.bias
        out[:, h, w] = level[:, h, w] + mixed
    return out


def long_short_range(part, level):
    attended = window_attention(part.window_attention, level)
    looks = [sigma(attended, branch) for branch in part.branches]
    mixed = sigma(torch.cat(looks), part.mix)
    close = normalise(convolve(level, part.close.conv.weight), part.close.norm)
    return close * mixed


def multi_head(part, queries, keys, values):
    """Rows of queries, keys and values, each projected."""
    linear = {name: getattr(part, name) for name in ("query", "value", "output")}
    channels = part.key.weight.shape[0]
    size = channels // part.num_heads
    query = [linear["query"].weight @ x + linear["query"].bias for x in queries]
    key = [part.key.weight @ x for x in keys]
    value = [linear["value"].weight @ x + linear["value"].bias for x in values]
    results = []
    for q in query:
        heads = []
        for head in range(part.num_heads):
            rows = slice(head * size, (head + 1) * size)
            shares = softmax([q[rows] @ k[rows] / size**0.5 for k in key])
            heads.append(sum(share * v[rows] for share, v in zip(shares, value)))
        mixed = linear["output"].weight @ torch.cat(heads) + linear["output"].bias
        results.append(mixed)
    return results


def places(level):
    _, height, width = level.shape
    return [level[:, h, w] for h in range(height) for w in range(width)]


def depthwise(level, conv):
    rows = [
        convolve(level[c : c + 1], conv.weight[c : c + 1], conv.bias[c : c + 1])
        for c in range(len(level))
    ]
    return torch.cat(rows)


def alignment(part, proposals, earlier, *, training=False):
    """PAN on all expressions: lists of (C, H, W)."""
    filtered = []
    for proposal, before in zip(proposals, earlier):
        channels = len(proposal)
        spread = convolve(proposal, part.expand.weight, part.expand.bias)
        spread = depthwise(spread, part.spread)
        quarter, half = channels // 4, channels // 2
        first, second = spread[:quarter], spread[quarter : quarter + half]
        third = spread[quarter + half :]
        gate = convolve(before, part.gate.weight, part.gate.bias)
        one, two = part.filters
        passed = convolve(gate * first, one.weight, one.bias)
        passed = convolve(passed * second, two.weight, two.bias)
        passed = passed * third
        if hasattr(part.final, "weight"):
            passed = convolve(passed, part.final.weight, part.final.bias)
        filtered.append(passed)
    normalised = switch_norm(part.norm, filtered, training=training)
    return [one + before for one, before in zip(normalised, earlier)]


def switch_norm(norm, maps, *, training):
    """Switchable normalisation of all expressions, (C, H, W) each, number by number."""
    channels, height, width = maps[0].shape
    count = height * width
    mean, var = {}, {}
    for n, level in enumerate(maps):
        for c in range(channels):
            mean[n, c] = level[c].sum() / count
            squares = ((level[c] - mean[n, c]) ** 2).sum()
            var[n, c] = squares / (count - 1) if count > 1 else 0 * squares
    square = {place: var[place] + mean[place] ** 2 for place in mean}
    mean_shares = softmax(list(norm.mean_weight))
    var_shares = softmax(list(norm.var_weight))
    results = []
    for n, level in enumerate(maps):
        layer_mean = sum(mean[n, c] for c in range(channels)) / channels
        layer_square = sum(square[n, c] for c in range(channels)) / channels
        out = level.clone()
        for c in range(channels):
            batch_mean, batch_var = norm.running_mean[c], norm.running_var[c]
            if training:
                batch_mean = sum(mean[k, c] for k in range(len(maps))) / len(maps)
                batch_square = sum(square[k, c] for k in range(len(maps))) / len(maps)
                batch_var = batch_square - batch_mean**2
            means = (mean[n, c], layer_mean, batch_mean)
            variances = (var[n, c], layer_square - layer_mean**2, batch_var)
            mixed_mean = sum(s * m for s, m in zip(mean_shares, means))
            mixed_var = sum(s * v for s, v in zip(var_shares, variances))
            plain = (level[c] - mixed_mean) / torch.sqrt(mixed_var + 1e-5)
            out[c] = norm.weight[c] * plain + norm.bias[c]
        results.append(out)
    return results


def cascade(part, maps):
    """The stages on all expressions, (C, H, W) each, whatever the levels were."""
    firsts = maps
    if part.first_map is not None:
        firsts = [long_short_range(part.first_map, level) for level in maps]
    newest = firsts
    remembered = [list(part.embeddings) for _ in maps]
    prepare = layer_norm if part.pre_norm else lambda vector: vector
    for stage in part.stages:
        looked_at = newest if part.adaptive else firsts
        proposals = []
        for n, level in enumerate(newest):
            change = multi_head(
                stage.gather,
                [prepare(q) for q in remembered[n]],
                [prepare(x) for x in places(maps[n])],
                [prepare(x) for x in places(looked_at[n])],
            )
            remembered[n] = [q + more for q, more in zip(remembered[n], change)]
            known = [prepare(q) for q in remembered[n]]
            written = multi_head(
                stage.write, [prepare(x) for x in places(level)], known, known
            )
            proposals.append(level + torch.stack(written, dim=1).view_as(level))
        if stage.alignment is None:
            newest = proposals
        else:
            newest = alignment(stage.alignment, proposals, newest)
    return newest


def upsampled_logits(decoder, level):
    """The mask decoder, (C, H, W) to (1, h, w)."""
    level = convolve(level, decoder.reduce.weight, decoder.reduce.bias)
    for conv, norm, _ in decoder.convs:
        level = bilinear(level, (2 * level.shape[1], 2 * level.shape[2]))
        level = torch.relu(normalise(convolve(level, conv.weight), norm))
    level = convolve(level, decoder.score.weight, decoder.score.bias)
    return bilinear(level, (2 * level.shape[1], 2 * level.shape[2]))
