"""CLIP's image encoder from weights by OpenAI's names, sharing no module with mmris."""

import math

import torch
from torch.nn import functional

STEM = {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2", "6": "conv3", "7": "bn3"}


def openai_names(state):
    """State dict of a CLIPResNet under OpenAI's names, without the pool's."""
    names = {}
    for name, value in state.items():
        part, _, rest = name.partition(".")
        if part == "stem":
            number, _, rest = rest.partition(".")
            names[f"{STEM[number]}.{rest}"] = value
        elif part != "attention_pool":
            names[name] = value
    return names


def norm(weights, name, maps):
    channels = [
        (maps[:, c] - weights[f"{name}.running_mean"][c])
        / torch.sqrt(weights[f"{name}.running_var"][c] + 1e-5)
        * weights[f"{name}.weight"][c]
        + weights[f"{name}.bias"][c]
        for c in range(maps.shape[1])
    ]
    return torch.stack(channels, dim=1)


def average(maps, size):
    """Means of size x size cells; what does not fill a cell is left out."""
    height, width = maps.shape[-2] // size, maps.shape[-1] // size
    total = 0
    for y in range(size):
        for x in range(size):
            cells = maps[..., y : height * size : size, x : width * size : size]
            total = total + cells
    return total / size**2


def block(weights, name, maps, stride):
    def conv(key, inputs, padding=0):
        kernel = weights[f"{name}.{key}.weight"]
        return functional.conv2d(inputs, kernel, padding=padding)

    inner = norm(weights, f"{name}.bn1", conv("conv1", maps)).clamp(min=0)
    inner = norm(weights, f"{name}.bn2", conv("conv2", inner, 1)).clamp(min=0)
    inner = norm(weights, f"{name}.bn3", conv("conv3", average(inner, stride)))
    if f"{name}.downsample.0.weight" in weights:
        maps = conv("downsample.0", average(maps, stride))
        maps = norm(weights, f"{name}.downsample.1", maps)
    return (inner + maps).clamp(min=0)


def stages(weights, images):
    """The outputs of the four stages for images (B, 3, H, W)."""
    maps = images
    for k in (1, 2, 3):
        kernel, stride = weights[f"conv{k}.weight"], 2 if k == 1 else 1
        maps = functional.conv2d(maps, kernel, stride=stride, padding=1)
        maps = norm(weights, f"bn{k}", maps).clamp(min=0)
    maps, levels = average(maps, 2), []
    for stage in (1, 2, 3, 4):
        k = 0
        while f"layer{stage}.{k}.conv1.weight" in weights:
            stride = 2 if stage > 1 and k == 0 else 1
            maps = block(weights, f"layer{stage}.{k}", maps, stride)
            k += 1
        levels.append(maps)
    return levels


def cubic(distance):
    """Weight of a sample in cubic convolution with a = -0.75, as torch and OpenCV."""
    a, x = -0.75, abs(distance)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def bicubic(table, height, width):
    """A table (g, g, C) at another size (height, width, C), borders repeated."""
    side = table.shape[0]
    rows = []
    for h in range(height):
        y = (h + 0.5) * side / height - 0.5
        row = []
        for w in range(width):
            x = (w + 0.5) * side / width - 0.5
            total = torch.zeros_like(table[0, 0])
            for j in range(math.floor(y) - 1, math.floor(y) + 3):
                for i in range(math.floor(x) - 1, math.floor(x) + 3):
                    weight = cubic(y - j) * cubic(x - i)
                    near = min(max(j, 0), side - 1), min(max(i, 0), side - 1)
                    total = total + weight * table[near]
            row.append(total)
        rows.append(torch.stack(row))
    return torch.stack(rows)


def attention_pool(weights, maps, num_heads):
    """The pool of one image (C, H, W), a position and a head at a time."""
    channels, height, width = maps.shape
    table = weights["positional_embedding"]
    side = math.isqrt(len(table))
    positions = bicubic(table.reshape(side, side, channels), height, width)

    def project(key, vector):
        return weights[f"{key}_proj.weight"] @ vector + weights[f"{key}_proj.bias"]

    places = [(h, w) for h in range(height) for w in range(width)]
    tokens = [maps[:, h, w] + positions[h, w] for h, w in places]
    queries, keys, values = ([project(k, token) for token in tokens] for k in "qkv")
    size = channels // num_heads
    kernel = weights["residual.0.weight"][:, :, 0, 0]
    result = torch.zeros(len(kernel), height, width, dtype=maps.dtype)
    for (h, w), query in zip(places, queries):
        heads = []
        for head in range(num_heads):
            own = slice(head * size, (head + 1) * size)
            scores = [query[own] @ key[own] / math.sqrt(size) for key in keys]
            shares = torch.stack(scores).softmax(0)
            heads.append(sum(s * value[own] for s, value in zip(shares, values)))
        pooled = project("c", torch.cat(heads))
        new = (kernel @ maps[:, h, w])[None, :, None, None]
        new = norm(weights, "residual.1", new)[0, :, 0, 0]
        result[:, h, w] = (pooled + new).clamp(min=0)
    return result
