"""Plain concatenation as printed: one position, one concatenated vector at a time."""

import torch


def batch_norm(value, norm):
    """One channel vector through a normalisation with fixed statistics."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return (value - norm.running_mean) * scale + norm.bias


def concat_level(neck, level, visual, sentence):
    """ReLU(BN(U ReLU(BN(W [v; s; o])))) at each position of one image's level.

    Shares nothing with the neck but its weights.
    """
    height, width = visual.shape[-2:]
    kernel = torch.cat(
        [
            neck.visual[level].weight.flatten(1),
            neck.sentence[level].weight,
            neck.position[level].weight.flatten(1),
        ],
        dim=1,
    )
    convolution, norm, _ = neck.mix[level]
    out = visual.new_zeros(neck.channels, height, width)
    for h in range(height):
        for w in range(width):
            left, top = 2 * w / width - 1, 2 * h / height - 1
            place = visual.new_tensor(
                [
                    left,
                    top,
                    left + 2 / width,
                    top + 2 / height,
                    left + 1 / width,
                    top + 1 / height,
                    1 / width,
                    1 / height,
                ]
            )
            joint = torch.cat([visual[:, h, w], sentence, place])
            mixed = batch_norm(kernel @ joint, neck.norm[level]).clamp(min=0)
            mixed = convolution.weight.flatten(1) @ mixed
            out[:, h, w] = batch_norm(mixed, norm).clamp(min=0)
    return out
