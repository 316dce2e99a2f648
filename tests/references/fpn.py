"""Top-down aggregation with explicit loops over output positions."""

import torch


def bilinear(level, size):
    """Half-pixel-centred bilinear resizing, one output position at a time."""
    channels, height, width = level.shape
    out = level.new_zeros(channels, *size)
    for y in range(size[0]):
        for x in range(size[1]):
            v = min(max((y + 0.5) * height / size[0] - 0.5, 0), height - 1)
            u = min(max((x + 0.5) * width / size[1] - 0.5, 0), width - 1)
            top, left = int(v), int(u)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            a, b = v - top, u - left
            out[:, y, x] = (
                (1 - a) * (1 - b) * level[:, top, left]
                + (1 - a) * b * level[:, top, right]
                + a * (1 - b) * level[:, bottom, left]
                + a * b * level[:, bottom, right]
            )
    return out


def conv3x3(level, weight):
    """Zero-padded 3x3 convolution without bias, tap by tap."""
    _, height, width = level.shape
    out = level.new_zeros(weight.shape[0], height, width)
    for y in range(height):
        for x in range(width):
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        tap = weight[:, :, dy + 1, dx + 1]
                        out[:, y, x] += tap @ level[:, y + dy, x + dx]
    return out


def fpn_aggregate(aggregation, levels):
    """Sum over levels of up(smooth(lateral + up(level above))), one expression."""
    size = levels[0].shape[-2:]
    above, total = None, 0
    for index in reversed(range(len(levels))):
        lateral = aggregation.lateral[index]
        level = torch.einsum("oi,ihw->ohw", lateral.weight.flatten(1), levels[index])
        level = level + lateral.bias[:, None, None]
        if above is not None:
            level = level + bilinear(above, level.shape[-2:])
        above = level
        convolution, norm, _ = aggregation.smooth[index]
        smooth = conv3x3(level, convolution.weight)
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        smooth = (smooth - norm.running_mean[:, None, None]) * scale[:, None, None]
        smooth = (smooth + norm.bias[:, None, None]).clamp(min=0)
        total = total + bilinear(smooth, size)
    return total
