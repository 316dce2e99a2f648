"""CEFNet's decoder for one expression, position by position, and contours of masks."""

import torch

from tests.references.convolution import convolve, normalise
from tests.references.fpn import bilinear


def parametric_block(level, block):
    """Convolution, running statistics, and one slope for negative values."""
    convolution, norm, activation = block
    level = normalise(convolve(level, convolution.weight), norm)
    return torch.where(level > 0, level, activation.weight * level)


def score(level, block):
    """A block and the logits of its result."""
    return convolve(parametric_block(level, block[0]), block[1].weight)


def halving(level, block):
    """Each channel with a kernel of its own, at every other position."""
    convolution, norm, _ = block
    alone = [
        convolve(level[c : c + 1], convolution.weight[c : c + 1], stride=2)
        for c in range(len(level))
    ]
    return normalise(torch.cat(alone), norm).clamp(min=0)


def theta(transformer, level):
    """The convolution of the concatenation, its mean, two linear layers."""
    small = halving(halving(level, transformer.down[0]), transformer.down[1])
    both = torch.cat([level, bilinear(small, level.shape[-2:])])
    pooled = convolve(both, transformer.mix.weight).mean(dim=(1, 2))
    hidden = transformer.hidden.weight @ pooled + transformer.hidden.bias
    added = transformer.delta.weight @ hidden.clamp(min=0) + transformer.delta.bias
    return added.reshape(2, 3) + added.new_tensor([[1, 0, 0], [0, 1, 0]])


def sample(level, matrix):
    """Read where the matrix points to; nothing but zeros lies outside."""
    _, height, width = level.shape
    out = torch.zeros_like(level)
    for h in range(height):
        for w in range(width):
            place = level.new_tensor(
                [(2 * w + 1) / width - 1, (2 * h + 1) / height - 1, 1]
            )
            x, y = matrix @ place
            u, v = ((x + 1) * width - 1) / 2, ((y + 1) * height - 1) / 2
            left, top = int(torch.floor(u)), int(torch.floor(v))
            for column in (left, left + 1):
                for row in (top, top + 1):
                    if 0 <= column < width and 0 <= row < height:
                        share = (1 - (u - column).abs()) * (1 - (v - row).abs())
                        out[:, h, w] = out[:, h, w] + share * level[:, row, column]
    return out


def step(module, above, lateral):
    """Eq. (9)-(11): features, body, boundary and edge."""
    size = lateral.shape[-2:]
    body = sample(above, theta(module.transformer, above))
    boundary = above - body
    edge = convolve(torch.cat([bilinear(boundary, size), lateral]), module.edge.weight)
    joint = torch.cat([bilinear(above, size), edge + bilinear(body, size)])
    return parametric_block(joint, module.merge), body, boundary, edge


def start(module, levels):
    """The lateral of each level, and what the steps begin with."""
    laterals = [
        parametric_block(level, block)
        for level, block in zip(levels, module.levels, strict=True)
    ]
    return laterals, parametric_block(laterals[-1], module.top)


def head(module, levels):
    """All outputs by name, ``mask_1`` the prediction, of levels from fine to coarse."""
    laterals, features = start(module.laterals, levels)
    outputs = {}
    for target in reversed(range(len(levels) - 1)):
        features, body, boundary, edge = step(
            module.steps[target], features, laterals[target]
        )
        name = target + 1
        if target > 0:
            block = module.mask_scores.blocks[target - 1]
            outputs[f"mask_{name}"] = score(features, block)
        outputs[f"body_{name}"] = score(body, module.body_scores[target])
        outputs[f"boundary_{name}"] = score(edge, module.boundary_scores[target])
        outputs[f"boundary_feature_{name}"] = boundary.abs().mean()
    last = module.mask_scores.score
    outputs["mask_1"] = convolve(features, last.weight, last.bias)
    return outputs


def top_down(module, levels):
    """The same without boundary enhancement."""
    laterals, features = start(module.laterals, levels)
    outputs = {}
    for target in reversed(range(len(levels) - 1)):
        above = bilinear(features, laterals[target].shape[-2:])
        joint = torch.cat([above, laterals[target]])
        features = parametric_block(joint, module.merge[target])
        if target > 0:
            block = module.mask_scores.blocks[target - 1]
            outputs[f"mask_{target + 1}"] = score(features, block)
    last = module.mask_scores.score
    outputs["mask_1"] = convolve(features, last.weight, last.bias)
    return outputs


def contour(mask, radius):
    """Pixels no further than the radius from one of the other kind, in one mask.

    One ring of background is laid around; the contour of an empty mask is empty.
    """
    height, width = mask.shape
    if not mask.any():
        return torch.zeros(height, width, dtype=torch.bool)

    def inside(row, column):
        within = 0 <= row < height and 0 <= column < width
        return bool(mask[row, column]) if within else False

    edge = torch.zeros(height, width, dtype=torch.bool)
    for row in range(height):
        for column in range(width):
            distances = [
                (row - other_row) ** 2 + (column - other_column) ** 2
                for other_row in range(-1, height + 1)
                for other_column in range(-1, width + 1)
                if inside(other_row, other_column) != inside(row, column)
            ]
            edge[row, column] = min(distances) <= radius**2
    return edge
