"""Plain concatenation as printed: one position, one concatenated vector at a time."""

import torch


def batch_norm(value, norm):
    """One channel vector through a normalisation with fixed statistics."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return (value - norm.running_mean) * scale + norm.bias


def concat_fuse(block, visual, sentence):
    """ReLU(BN(U ReLU(BN(W [v; s; o])))) at each position of one image's level.

    Shares nothing with the block but its weights.
    """
    height, width = visual.shape[-2:]
    kernel = torch.cat(
        [
            block.visual.weight.flatten(1),
            block.sentence.weight,
            block.position.weight.flatten(1),
        ],
        dim=1,
    )
    centred = sentence - sentence.mean()
    sentence = centred / torch.sqrt((centred**2).mean() + 1e-5)
    convolution, norm, _ = block.mix
    out = visual.new_zeros(block.out_channels, height, width)
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
            mixed = batch_norm(kernel @ joint, block.norm).clamp(min=0)
            mixed = convolution.weight.flatten(1) @ mixed
            out[:, h, w] = batch_norm(mixed, norm).clamp(min=0)
    return out
